import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { LOGGER } from '../platform/tokens.js';
import { PROJECTOR, type ProcessProjector } from '../projection/fold/projector.port.js';
import { Eraser } from './eraser.js';
import { LifeCycle } from './life-cycle.js';

/**
 * Finishes erasures and moves idle conversations on, over and over, in the process whose projector is active. Two
 * processes that do so at once would do no harm.
 */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private work: Promise<void> | null = null;

  constructor(
    @Inject(Eraser) private readonly eraser: Eraser,
    @Inject(LifeCycle) private readonly lifeCycle: LifeCycle,
    @Inject(PROJECTOR) private readonly projector: ProcessProjector,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

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
      for (const one of [this.eraser, this.lifeCycle]) {
        if (signal.aborted || !this.projector.health.active) break;
        await one.sweep().catch((err: unknown) => {
          this.logger.warn({ err }, 'Conversations could not be tidied up; trying again');
        });
      }
    }
  }
}
