import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { assertNever } from '../../domain/assert-never.js';
import { LANES, type Lane } from '../../domain/message/message.events.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import { LANES_PORT, type LaneDelivery, type Lanes } from '../lanes/lane.port.js';
import { LanePauses, type PausedLanes } from '../lanes/lane-pauses.js';
import { Attempts } from './attempt.js';
import { fullBufferDelayMs, ModelBuffer } from './model-buffer.js';
import { Places } from './places.js';
import { Preparation } from './preparation.js';
import { RedeliveryCheck } from './redelivery-check.js';
import { RunningCalls } from './running-calls.js';
import { Settlement, type WorkerCounters } from './settlement.js';
import { Slots } from './slots.js';
import { Summaries } from './summaries.js';
import type { Outcome, Work } from './work.js';
import { WorkerStop } from './worker-stop.js';

const SWEEP_EVERY_MS = 1_000;
/** Settling so many at once, and more with more slots, means that the log is slow: then nothing new is begun. */
const FEWEST_SETTLING = 256;
const SETTLING_PER_SLOT = 4;

/** A snapshot; messages, not calls, but for `running`. */
export interface WorkerStatus {
  readonly slots: number;
  readonly running: number;
  readonly runningByLane: Readonly<Record<Lane, number>>;
  /** The most calls of each lane that there can be at once. */
  readonly capacity: Readonly<Record<Lane, number>>;
  readonly settling: number;
  /** Messages that wait here for a place at an endpoint. */
  readonly buffered: number;
  /** Models that messages were here for and that have no free place. */
  readonly busyModels: readonly string[];
  readonly ready: Readonly<Record<Lane, number>>;
  readonly counters: Readonly<WorkerCounters>;
}

/**
 * Takes messages off the lanes and sees each through one attempt.
 *
 * A message's way is `handle`: ready in a lane -> taken, in a slot -> prepared, where the log or its conversation must be
 * asked first -> placed at an endpoint, or out of its slot into the buffer while all endpoints of its model are busy ->
 * called -> settled, out of its slot, since a durable write must not keep an endpoint idle. At every point of this way it
 * is held, and ends in exactly one ack or hand-back; only the death of the process leaves that to the broker.
 *
 * The loop (`fill`) has no timer: it runs when a message arrives, a slot or place is free, or a message is settled.
 */
@Injectable()
export class Worker {
  private accepting = false;
  private woken = false;
  private settling = 0;
  /** Messages in somebody's hands here, buffered ones not counted. */
  private inFlight = 0;
  private onIdle: (() => void) | null = null;
  private sweep: NodeJS.Timeout | null = null;
  /** As configured, or as `resize` wants them. */
  private wantedSlots: number;

  constructor(
    @Inject(LANES_PORT) private readonly lanes: Lanes,
    @Inject(LanePauses) private readonly pauses: PausedLanes,
    @Inject(Slots) private readonly slots: Slots,
    @Inject(EndpointRegistry) private readonly registry: EndpointRegistry,
    @Inject(ModelBuffer) private readonly buffer: ModelBuffer,
    @Inject(Preparation) private readonly preparation: Preparation,
    @Inject(RedeliveryCheck) private readonly redelivery: RedeliveryCheck,
    @Inject(Places) private readonly places: Places,
    @Inject(Attempts) private readonly attempts: Attempts,
    @Inject(Settlement) private readonly settlement: Settlement,
    @Inject(RunningCalls) private readonly calls: RunningCalls,
    @Inject(Summaries) private readonly summaries: Summaries,
    @Inject(WorkerStop) private readonly stopping: WorkerStop,
  ) {
    this.wantedSlots = slots.count;
  }

  /** @throws when the lanes can't be read */
  async start(): Promise<void> {
    this.accepting = true;
    this.fitSlots();
    this.registry.events.on('freed', () => this.wake());
    this.registry.events.on('changed', () => this.fitSlots());
    this.pauses.onChange(() => this.wake());
    await this.lanes.start(() => this.wake());
    this.sweep = setInterval(() => this.calls.abortOverdue(), SWEEP_EVERY_MS);
  }

  get status(): WorkerStatus {
    const { slots, buffer } = this;
    const ready = Object.fromEntries(LANES.map((lane) => [lane, this.lanes.ready(lane)]));
    return {
      slots: slots.count,
      running: slots.running,
      runningByLane: slots.runningByLane,
      capacity: slots.capacity,
      settling: this.settling,
      buffered: buffer.size,
      busyModels: [...new Set([...this.registry.busyModels, ...buffer.busyModels])],
      ready: ready as Record<Lane, number>,
      counters: { ...this.settlement.counters },
    };
  }

  /** How many messages may be called at once, from now on. More are used at once; fewer let running calls end. */
  resize(slots: number): void {
    if (!Number.isInteger(slots) || slots < 0) throw new RangeError(`A worker can't have ${slots} slots.`);
    this.wantedSlots = slots;
    this.fitSlots();
  }

  /**
   * Takes no more, hands back what waits, lets calls finish, and at last aborts and hands back those that did not.
   * Resolves within about the time given.
   */
  async stop(withinMs: number): Promise<void> {
    const abortAt = performance.now() + withinMs * 0.8;
    this.accepting = false;
    for (const { delivery } of this.buffer.takeAll()) this.settlement.handBack(delivery);
    await this.lanes.stopTaking();
    await this.idle(abortAt - performance.now());
    this.stopping.now();
    this.calls.abortAll();
    await this.idle(withinMs * 0.1);
    await this.summaries.idle();
    if (this.sweep !== null) clearInterval(this.sweep);
    await this.lanes.close();
  }

  /** A slot that no endpoint has a place for is none: what is held back for `realtime` must be a place at an endpoint. */
  private fitSlots(): void {
    this.slots.resize(Math.min(this.wantedSlots, this.registry.places));
    this.wake();
  }

  /** Messages that arrive together are looked at together, so that the most urgent of them goes first. */
  private wake(): void {
    if (this.woken) return;
    this.woken = true;
    queueMicrotask(() => {
      this.woken = false;
      this.fill();
    });
  }

  private fill(): void {
    const { slots, registry, buffer, lanes, pauses } = this;
    const waiting = (lane: Lane) => (pauses.isPaused(lane) ? 0 : lanes.ready(lane) + buffer.ready(lane));
    const mostSettling = Math.max(FEWEST_SETTLING, SETTLING_PER_SLOT * slots.count);
    while (this.accepting && this.settling < mostSettling && !registry.isFull) {
      const lane = slots.choose(waiting);
      if (lane === null) return;
      const buffered = buffer.take(lane);
      if (buffered === undefined) void this.handle(lanes.take(lane)!, null);
      else void this.handle(buffered.delivery, buffered);
    }
  }

  /** Whatever happens to a message on its way, the loop goes on and the message is not lost. */
  private async handle(delivery: LaneDelivery, buffered: Work | null): Promise<void> {
    this.inFlight += 1;
    try {
      const outcome = await this.inSlot(delivery, buffered);
      if (outcome.kind !== 'buffered') await this.settle(delivery, outcome);
    } catch (error) {
      this.settlement.handBackAfter(delivery, error);
    } finally {
      this.inFlight -= 1;
      if (this.inFlight === 0) this.onIdle?.();
    }
  }

  private async inSlot(delivery: LaneDelivery, buffered: Work | null): Promise<Outcome> {
    this.slots.occupy(delivery.lane);
    try {
      // What was known of a buffered message counts no more when it has been cancelled or has expired since.
      const known = buffered !== null && !this.redelivery.isOver(delivery) ? buffered : null;
      const prepared = known ?? this.preparation.of(delivery);
      const work = prepared instanceof Promise ? await prepared : prepared;
      return work.kind === 'ready' ? await this.place(work) : work;
    } finally {
      this.slots.free(delivery.lane);
      this.wake();
    }
  }

  private place(work: Work): Outcome | Promise<Outcome> {
    if (!this.accepting) return { kind: 'handed_back', delayMs: 0 };
    const acquired = this.places.first(work);
    switch (acquired.kind) {
      case 'leased':
        return this.attempts.run(work, acquired);
      case 'busy':
        return this.keep(work);
      case 'unknown_model': {
        const failure = { kind: 'unknown_model', model: this.places.wantedBy(work.request) } as const;
        return { kind: 'failed', failure, chunksDelivered: 0 };
      }
      default:
        return assertNever(acquired);
    }
  }

  private keep(work: Work): Outcome {
    if (this.buffer.isFull) {
      return { kind: 'handed_back', delayMs: fullBufferDelayMs(work.delivery.delivery) };
    }
    this.buffer.add(work);
    return { kind: 'buffered' };
  }

  private async settle(
    delivery: LaneDelivery,
    outcome: Exclude<Outcome, { kind: 'buffered' }>,
  ): Promise<void> {
    this.settling += 1;
    try {
      await this.settlement.settle(delivery, outcome);
    } finally {
      this.settling -= 1;
      this.wake();
    }
  }

  private async idle(withinMs: number): Promise<void> {
    if (this.inFlight === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.onIdle = resolve;
    });
    await Promise.race([idle, sleep(Math.max(0, withinMs), undefined, { ref: false })]);
  }
}
