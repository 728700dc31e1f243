import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { settingDurationMs } from '../domain/duration.policy.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { ThrottledWarning } from '../platform/logging/throttled-warning.js';
import { LOGGER } from '../platform/tokens.js';
import { PROJECTOR, type ProcessProjector } from '../projection/fold/projector.port.js';
import { ProjectionPosition } from '../projection/read/projection-position.js';
import { Eraser } from './eraser.js';
import { LifeCycle } from './life-cycle.js';
import { Retention } from './retention.js';

/** What lies idle is found so much of its allowed time later at most, and no later than the other. */
const IDLE_SHARE = 0.01;
const LOOK_ANYWAY_MS = 10_000;

/**
 * Finishes erasures, erases what is past its retention, and moves idle conversations on, over and over, in the process whose projector is active. Two
 * processes that do so at once would do no harm.
 *
 * Where the projection stands still since a sweep began, the sweep found all that there was, and only time can make more
 * conversations idle or messages old: the next look may wait.
 */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private work: Promise<void> | null = null;
  private readonly lookAnywayMs: number;
  private readonly failures: ThrottledWarning;
  /** Where the projection was at the last sweep without a failure, and when (of `performance.now`). */
  private swept: { readonly applied: number; readonly at: number } | null = null;

  constructor(
    @Inject(Eraser) private readonly eraser: Eraser,
    @Inject(Retention) private readonly retention: Retention,
    @Inject(LifeCycle) private readonly lifeCycle: LifeCycle,
    @Inject(PROJECTOR) private readonly projector: ProcessProjector,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'applied'>,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.failures = new ThrottledWarning(logger);
    const { conversation_ttl_ms: ttlMs, max_idle_time_ms: maxIdleTimeMs } = config.conversation;
    const { content, messages } = config.retention;
    const ages = [content, messages].flatMap((age) => (age === null ? [] : settingDurationMs(age)));
    this.lookAnywayMs = Math.min(LOOK_ANYWAY_MS, IDLE_SHARE * Math.min(ttlMs, maxIdleTimeMs, ...ages));
  }

  onApplicationBootstrap(): void {
    this.work ??= this.run();
  }

  /** Before the projector, for which a sweep may be waiting. Resolves when the sweep under way is over. */
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.work;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await sleep(this.config.conversation.sweep_interval_ms, undefined, { signal }).catch(() => {});
      if (this.projector.health.active && this.mayFindMore()) await this.sweep(signal);
    }
  }

  private mayFindMore(): boolean {
    const { swept, lookAnywayMs } = this;
    if (swept === null || swept.applied !== this.position.applied) return true;
    return performance.now() - swept.at >= lookAnywayMs;
  }

  private async sweep(signal: AbortSignal): Promise<void> {
    const begun = { applied: this.position.applied, at: performance.now() };
    this.swept = begun;
    for (const one of [this.eraser, this.retention, this.lifeCycle]) {
      if (signal.aborted || !this.projector.health.active) break;
      // What clients asked to be erased would wait behind what is only old.
      if (one === this.retention && this.eraser.isBehind) continue;
      await one.sweep().catch((err: unknown) => {
        this.swept = null;
        this.failures.warn({ err }, 'Conversations could not be tidied up; trying again');
      });
    }
  }
}
