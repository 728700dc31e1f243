import { setTimeout as sleep } from 'node:timers/promises';
import {
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { age, laneAbove } from '../../domain/message/age.decision.js';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { ThrottledWarning } from '../../platform/logging/throttled-warning.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import { PROJECTOR, type ProcessProjector } from '../../projection/fold/projector.port.js';
import { ProjectorModule } from '../../projection/projection.module.js';
import { AgedReader, type WaitingEntry } from '../../projection/read/aged-reader.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { LanePauses } from '../lanes/lane-pauses.js';
import { LaneStateModule } from '../lanes/lane-state.module.js';

const EVERY_MS = 1_000;
const AT_ONCE = 500;
const APPENDED_AT_ONCE = 100;
/** So much behind the limit, a message that a worker took in time is known to be processed. */
const GRACE_MS = 2_000;
const POSITION_TIMEOUT_MS = 5_000;
/** One that could not go up when it was found, since a worker had it and gave it back, is found again after this. */
const FROM_THE_BEGINNING_MS = 60_000;

/** How far a lane was looked through. */
interface Looked {
  /** Every entry up to here was put into the lane above, or did not wait any more. */
  readonly upTo: number;
  readonly sinceMs: number;
}

/**
 * Puts messages that waited longer than `queue.levels.<lane>.max_wait_ms` into the lane above, once, in the one process
 * whose projector is active; two that do so at once do no harm. A step reads and appends a bounded number. What it decides
 * is exact although workers take messages meanwhile: the fold says which of the two was first in the log, and whoever
 * gets an entry that does not count puts it aside.
 */
@Injectable()
export class LaneAging implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private work: Promise<void> | null = null;
  private readonly looked = new Map<Lane, Looked>();
  private readonly failures: ThrottledWarning;

  constructor(
    @Inject(AgedReader) private readonly reader: Pick<AgedReader, 'waitingSince'>,
    @Inject(PROJECTOR) private readonly projector: ProcessProjector,
    @Inject(LanePauses) private readonly pauses: Pick<LanePauses, 'isPaused'>,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'append' | 'get' | 'lastSequence'>,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'queue'>,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.failures = new ThrottledWarning(logger);
  }

  onApplicationBootstrap(): void {
    const { levels } = this.config.queue;
    if (LANES.some((lane) => levels[lane].max_wait_ms !== null)) this.work ??= this.run();
  }

  /** Resolves when the step under way is over. */
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.work;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted || !this.projector.health.active) continue;
      await this.step().catch((err: unknown) => {
        this.failures.warn({ err }, 'messages that waited long are not in the lane above yet; trying again');
      });
    }
  }

  /** From the highest on: a message goes up one lane, not two at once. */
  private async step(): Promise<void> {
    // A call that was recorded in time is known then.
    if (!(await this.position.waitFor(await this.log.lastSequence(), POSITION_TIMEOUT_MS))) return;
    for (const lane of LANES) {
      const { max_wait_ms: maxWaitMs } = this.config.queue.levels[lane];
      const above = laneAbove(lane);
      if (maxWaitMs === null || above === null) continue;
      // What was paused is to wait, and what goes up is to run sooner.
      if (this.pauses.isPaused(lane) || this.pauses.isPaused(above)) continue;
      await this.lift(lane, above, maxWaitMs);
    }
  }

  private async lift(lane: Lane, above: Lane, maxWaitMs: number): Promise<void> {
    const before = new Date(this.sources.nowMs() - maxWaitMs - GRACE_MS).toISOString();
    const { upTo, sinceMs } = this.lookedAt(lane);
    const entries = await this.reader.waitingSince(lane, before, upTo, AT_ONCE);
    for (let from = 0; from < entries.length; from += APPENDED_AT_ONCE) {
      await this.append(entries.slice(from, from + APPENDED_AT_ONCE), above);
    }
    const last = entries.at(-1);
    if (last !== undefined) this.looked.set(lane, { upTo: last.sequence, sinceMs });
  }

  private lookedAt(lane: Lane): Looked {
    const now = this.sources.steadyMs();
    const before = this.looked.get(lane);
    if (before !== undefined && now - before.sinceMs < FROM_THE_BEGINNING_MS) return before;
    const anew = { upTo: 0, sinceMs: now };
    this.looked.set(lane, anew);
    return anew;
  }

  private async append(entries: readonly WaitingEntry[], lane: Lane): Promise<void> {
    const stored = await Promise.all(entries.map(({ sequence }) => this.log.get(sequence)));
    const now = new Date(this.sources.nowMs()).toISOString();
    const events = stored.flatMap((one, at) => {
      // Erased meanwhile: nothing is left that could be run.
      if (one?.event.type !== 'llmq.message.prioritized.v1') return [];
      const { sequence, receivedSequence } = entries[at]!;
      const { newId } = this.sources;
      return [age({ sequence, event: one.event }, receivedSequence, lane, { now, newId })];
    });
    if (events.length > 0) await this.log.append(events);
  }
}

/** Part of the role `projector`: messages that waited too long go up a lane. Leaves out reading the lanes, which workers do. */
@Module({ imports: [LaneStateModule, ProjectorModule], providers: [AgedReader, LaneAging] })
export class LaneAgingModule {}
