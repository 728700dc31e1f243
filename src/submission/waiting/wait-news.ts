import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { EndpointRegistry } from '../../dispatch/endpoints/endpoint-registry.js';
import { LanePauses } from '../../dispatch/lanes/lane-pauses.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { type LanePosition, LanePositions } from '../../projection/read/lane-positions.js';
import { messageWait, type WaitState } from './message-wait.policy.js';

/** Who asks within this time of the first one shares its query. */
const GATHER_MS = 50;
/** For so many times as long as a query took, none follows: PostgreSQL spends a tenth of its time on this at most. */
const PAUSE_FACTOR = 9;

/**
 * Tells the many clients of a process that stay connected how their messages wait, with one query for all that ask at a
 * time. Unlike `MessageWaits` it estimates no times.
 */
@Injectable()
export class WaitNews {
  private asking = new Map<string, ((state: WaitState | null) => void)[]>();
  private running = false;

  constructor(
    @Inject(LanePositions) private readonly positions: Pick<LanePositions, 'of'>,
    @Inject(WorkerRegistry) private readonly workers: Pick<WorkerRegistry, 'isBusyEverywhere'>,
    @Inject(LanePauses) private readonly pauses: Pick<LanePauses, 'isPaused'>,
    @Inject(EndpointRegistry) private readonly endpoints: Pick<EndpointRegistry, 'defaultModel'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'steadyMs' | 'nowMs'>,
  ) {}

  /** Null where the tables do not know the message yet, or can't be read. Never rejects. */
  of(messageId: string): Promise<WaitState | null> {
    return new Promise((resolve) => {
      const others = this.asking.get(messageId);
      if (others === undefined) this.asking.set(messageId, [resolve]);
      else others.push(resolve);
      if (!this.running) void this.answerAll();
    });
  }

  private async answerAll(): Promise<void> {
    this.running = true;
    while (this.asking.size > 0) {
      await sleep(GATHER_MS, undefined, { ref: false });
      const asked = this.asking;
      this.asking = new Map();
      const startedMs = this.sources.steadyMs();
      const found = await this.find([...asked.keys()]);
      for (const [id, resolves] of asked) for (const resolve of resolves) resolve(found.get(id) ?? null);
      await sleep(PAUSE_FACTOR * (this.sources.steadyMs() - startedMs), undefined, { ref: false });
    }
    this.running = false;
  }

  /** What can't be read is not told: those who ask are told again soon. */
  private async find(ids: readonly string[]): Promise<ReadonlyMap<string, WaitState>> {
    try {
      const found = await this.positions.of(ids, this.endpoints.defaultModel);
      return new Map([...found.values()].map((each) => [each.id, this.state(each)]));
    } catch {
      return new Map();
    }
  }

  private state({ status, priority, model, held, position }: LanePosition): WaitState {
    const { position: place, waitingFor } = messageWait({
      ...{ status, scheduledAt: null, nowMs: this.sources.nowMs(), drainRate: null, minShare: 0 },
      place: { ahead: (position ?? 1) - 1, above: 0, held },
      paused: this.pauses.isPaused(priority),
      modelBusy: this.workers.isBusyEverywhere(model ?? this.endpoints.defaultModel),
    });
    return { status, wait: { position: position === null ? null : place, waitingFor } };
  }
}
