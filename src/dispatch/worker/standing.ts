import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LOGGER } from '../../platform/tokens.js';
import { LANES_PORT, type LaneDelivery, type Lanes } from '../lanes/lane.port.js';
import { HeardWorkers, type SilentWorker } from '../workers/heard-workers.policy.js';
import { HeldLists } from '../workers/nats/held-lists.js';
import { WorkerClaims } from '../workers/nats/worker-claims.js';
import { WorkerStop } from './worker-stop.js';

const TICK_MS = 500;
/** In ticks: what has not changed is told all the same, as a sign of life. */
const TOLD_EVERY = 2;
/** What is held for less is mostly gone before anybody could use it. */
const TOLD_AFTER_MS = 200;
/** A worker that hears itself less long ago may judge whether others are silent. */
const HEARS_MS = 5 * TICK_MS;
/** Without hearing itself for so long a worker may have been taken for gone. Clearly before others do so. */
const DOUBT_AFTER_MS = 3_000;
/** Longer than it takes to leave a server of the broker that stands still. */
const GONE_AFTER_MS = 5_000;
/** Deadlines are extended when at most two thirds are over; until then the broker delivers nothing again by itself. */
const SURE_PART_OF_ACK_WAIT = 1 / 3;
const ON_ITS_WAY_MS = 1_000;

/**
 * Hands on what a worker held that is gone, long before its ack deadlines are over, and knows where this worker itself may
 * have been taken for gone.
 *
 * Each worker tells what it holds, as the subjects under which the broker is answered for it. When one falls silent the
 * others claim what it held; one of them wins, for good, and answers "not now" in its place, so that the broker delivers
 * it again at once. It does that once, and only while no deadline can be over, so no delivery to a living worker is meant.
 *
 * A worker that stood still, or was cut off, notices that it did not hear itself. Before it begins with anything that it
 * held it claims that too: where it wins nobody can hand it on any more, and where it does not, it lets go of what it had
 * not begun. An answer that it got all the same goes into the log, where one of several counts.
 */
@Injectable()
export class Standing {
  private readonly others = new HeardWorkers(GONE_AFTER_MS / TICK_MS);
  private name: string;
  /** Under the present name. */
  private told: readonly string[] = [];
  private ticks = 0;
  /** Null: not started. */
  private heardAt: number | null = null;
  private settling: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private endListening: () => void = () => undefined;

  constructor(
    @Inject(LANES_PORT) private readonly lanes: Pick<Lanes, 'repliesHeld' | 'lose'>,
    @Inject(HeldLists) private readonly lists: HeldLists,
    @Inject(WorkerClaims) private readonly claims: WorkerClaims,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'newId'>,
    @Inject(WorkerStop) private readonly stopping: WorkerStop,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.name = sources.newId();
  }

  start(): void {
    this.heardAt = performance.now();
    this.endListening = this.lists.listen({
      held: (worker, replies) => {
        const now = performance.now();
        if (worker !== this.name) this.others.heard(worker, replies, now);
        // What arrives behind a silence does not undo it.
        else if (!this.isSilent) this.heardAt = now;
      },
      lost: (worker) => {
        if (worker === this.name) void this.settle();
      },
    });
    this.tell();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** To be called when nothing is held any more. */
  stop(): void {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    this.endListening();
    this.lists.tell(this.name, []);
  }

  /** It may have gone to another worker. */
  doubts({ isLost }: Pick<LaneDelivery, 'isLost'>): boolean {
    return isLost || this.settling !== null || this.isSilent;
  }

  /** Whether it has gone to another worker, as soon as that is known; or false when the worker's time is over first. */
  async isGone(delivery: Pick<LaneDelivery, 'isLost'>): Promise<boolean> {
    if (this.settling !== null || this.isSilent) await this.settle();
    return delivery.isLost;
  }

  private get isSilent(): boolean {
    return this.heardAt !== null && performance.now() - this.heardAt > DOUBT_AFTER_MS;
  }

  private tick(): void {
    if (this.isSilent) void this.settle();
    const hearsItself = this.settling === null && performance.now() - this.heardAt! < HEARS_MS;
    for (const gone of this.others.tick(hearsItself)) void this.handOn(gone);
    if (this.settling === null) this.tellNews();
    // A sign of life. What came since is nobody's to hand on, whoever has claimed the rest.
    else this.tell(this.told);
  }

  private tellNews(): void {
    const replies = this.lanes.repliesHeld(TOLD_AFTER_MS);
    this.ticks += 1;
    const isNews =
      replies.length !== this.told.length || replies.some((reply, at) => reply !== this.told[at]);
    if (isNews || this.ticks % TOLD_EVERY === 0) this.tell(replies);
  }

  private tell(replies: readonly string[] = []): void {
    this.told = replies;
    this.lists.tell(this.name, replies);
  }

  private async handOn({ worker, replies, heardAtMs }: SilentWorker): Promise<void> {
    const sureMs = this.config.queue.worker.ack_wait_ms * SURE_PART_OF_ACK_WAIT - ON_ITS_WAY_MS;
    const isSure = () => performance.now() - heardAtMs < sureMs;
    if (replies.length === 0 || !isSure()) return;
    const { name } = this;
    const holder = await this.claimed(worker, name, isSure);
    if (holder !== name || !isSure()) return;
    this.lists.handOn(replies);
    this.lists.tellLost(worker);
    this.logger.warn({ messages: replies.length }, 'a worker is gone; what it held goes to others');
  }

  /** Null where nobody says so in time: then the ack deadlines hand on what it held. */
  private async claimed(worker: string, by: string, inTime: () => boolean): Promise<string | null> {
    while (inTime() && this.timer !== null) {
      try {
        return await this.claims.claim(worker, by);
      } catch (err) {
        this.logger.debug({ err }, 'what a worker held that is gone could not be claimed yet');
        await sleep(TICK_MS, undefined, { ref: false });
      }
    }
    return null;
  }

  /** Never rejects. */
  private settle(): Promise<void> {
    this.settling ??= this.settleNow().finally(() => {
      this.settling = null;
    });
    return this.settling;
  }

  private async settleNow(): Promise<void> {
    const { name } = this;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const isOurs = (await this.claims.claim(name, name)) === name;
        if (!isOurs) this.lanes.lose(new Set(this.told));
        this.name = this.sources.newId();
        this.heardAt = performance.now();
        this.tell();
        if (!isOurs) this.logger.warn('this worker was taken for gone: others have what it had not begun');
        return;
      } catch (err) {
        this.logger.debug({ err }, 'nobody says yet whether this worker was taken for gone');
        await sleep(TICK_MS, undefined, { signal }).catch(() => {});
      }
    }
  }
}
