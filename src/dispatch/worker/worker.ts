import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { assertNever } from '../../domain/assert-never.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import { perLaneOf } from '../../domain/message/per-lane.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import { LANES_PORT, type LaneDelivery, type Lanes, type ServedModels } from '../lanes/lane.port.js';
import { LanePauses, type PausedLanes } from '../lanes/lane-pauses.js';
import type { ServedModel } from '../workers/nats/worker-beats.js';
import { Attempts } from './attempt.js';
import { DeliverySpans } from './delivery-spans.js';
import { MessageOrder, type Picked } from './message-order.js';
import { Places, passedForMs } from './places.js';
import { Preparation } from './preparation.js';
import { RunningCalls } from './running-calls.js';
import { ServedCalls, wasCall } from './served-calls.js';
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
  /** Models that are served here. */
  readonly models: readonly string[];
  /** Those of them of which no endpoint has a free place. */
  readonly busyModels: readonly string[];
  /** Fetched and not begun. */
  readonly ready: Readonly<Record<Lane, number>>;
  readonly counters: Readonly<WorkerCounters>;
  readonly served: readonly ServedModel[];
}

/**
 * Takes messages off the lanes and sees each through one attempt.
 *
 * A message's way is `handle`: fetched, since its model has a place -> taken, in a slot -> prepared, where the log or its
 * conversation must be asked first -> placed at an endpoint, or back in its lane if another was faster -> called ->
 * settled, out of its slot, since a durable write must not keep an endpoint idle. At every point of this way it is held,
 * and ends in exactly one ack or hand-back; only the death of the process leaves that to the broker.
 *
 * The loop (`fill`) runs when a message arrives, a slot or place is free, or a message is settled. Its only timer gives
 * back what was fetched and found no place.
 */
@Injectable()
export class Worker {
  private accepting = false;
  private woken = false;
  private settling = 0;
  /** Messages in somebody's hands here. */
  private inFlight = 0;
  private readonly whenIdle: (() => void)[] = [];
  private sweep: NodeJS.Timeout | null = null;
  private returns: NodeJS.Timeout | null = null;
  /** As configured, or as `resize` wants them. */
  private wantedSlots: number;

  constructor(
    @Inject(LANES_PORT) private readonly lanes: Lanes,
    @Inject(LanePauses) private readonly pauses: PausedLanes,
    @Inject(Slots) private readonly slots: Slots,
    @Inject(EndpointRegistry) private readonly registry: EndpointRegistry,
    @Inject(MessageOrder) private readonly order: MessageOrder,
    @Inject(Preparation) private readonly preparation: Preparation,
    @Inject(Places) private readonly places: Places,
    @Inject(Attempts) private readonly attempts: Attempts,
    @Inject(Settlement) private readonly settlement: Settlement,
    @Inject(RunningCalls) private readonly calls: RunningCalls,
    @Inject(Summaries) private readonly summaries: Summaries,
    @Inject(WorkerStop) private readonly stopping: WorkerStop,
    @Inject(ServedCalls) private readonly served: ServedCalls,
    @Inject(DeliverySpans) private readonly spans: DeliverySpans,
  ) {
    this.wantedSlots = slots.count;
  }

  /** @throws when the lanes can't be read */
  async start(): Promise<void> {
    this.accepting = true;
    this.fitSlots();
    this.registry.events.on('freed', () => this.placesChanged());
    this.registry.events.on('changed', () => this.endpointsChanged());
    this.pauses.onChange(() => this.wake());
    this.order.start();
    await this.lanes.start(this.servedModels(), () => this.wake());
    this.wake();
    this.sweep = setInterval(() => {
      this.calls.abortOverdue();
      // Whatever it was that nobody told of.
      this.wake();
    }, SWEEP_EVERY_MS);
  }

  get status(): WorkerStatus {
    const { slots, registry } = this;
    const models = this.lanes.queues.map(({ model }) => model);
    const readyIn = (lane: Lane) => this.lanes.queues.reduce((sum, queue) => sum + queue.view(lane).ready, 0);
    return {
      slots: slots.count,
      running: slots.running,
      runningByLane: slots.runningByLane,
      capacity: slots.capacity,
      settling: this.settling,
      models,
      busyModels: models.filter((model) => registry.freePlaces(model) <= 0),
      ready: perLaneOf(readyIn),
      counters: { ...this.settlement.counters },
      served: this.served.all,
    };
  }

  /** How many messages may be called at once, from now on. More are used at once; fewer let running calls end. */
  resize(slots: number): void {
    if (!Number.isInteger(slots) || slots < 0) throw new RangeError(`A worker can't have ${slots} slots.`);
    this.wantedSlots = slots;
    this.fitSlots();
  }

  /**
   * Takes no more, hands back what waits, and resolves when every call under way has ended and is settled, however long
   * that takes: a `stop` after it has nothing to cut.
   */
  async drain(): Promise<void> {
    this.resize(0);
    await this.lanes.stopTaking();
    await this.idle();
  }

  /**
   * Takes no more, hands back what waits, lets calls finish, and at last aborts and hands back those that did not.
   * Resolves within about the time given.
   */
  async stop(withinMs: number): Promise<void> {
    const abortAt = performance.now() + withinMs * 0.8;
    this.accepting = false;
    await this.lanes.stopTaking();
    await this.idleWithin(abortAt - performance.now());
    this.stopping.now();
    this.calls.abortAll();
    await this.idleWithin(withinMs * 0.1);
    await this.summaries.idle();
    if (this.sweep !== null) clearInterval(this.sweep);
    if (this.returns !== null) clearTimeout(this.returns);
    this.order.stop();
    await this.lanes.close();
  }

  private servedModels(): ServedModels {
    const { defaultModel } = this.registry;
    const models = this.registry.models().map(({ id }) => id);
    // Without any endpoint there is still a default, and messages for it wait.
    return { models: models.includes(defaultModel) ? models : [...models, defaultModel], defaultModel };
  }

  private placesChanged(): void {
    this.order.changed();
    this.wake();
  }

  private endpointsChanged(): void {
    if (this.accepting) this.lanes.serve(this.servedModels());
    this.order.changed();
    this.fitSlots();
  }

  /** A slot that no endpoint has a place for is none: what is held back for `realtime` must be a place at an endpoint. */
  private fitSlots(): void {
    this.slots.resize(Math.min(this.wantedSlots, this.registry.places));
    this.wake();
  }

  /**
   * Messages that arrive together are looked at together, so that the most urgent of them goes first. So are slots and
   * places that become free in the same turn of the event loop: one look serves them all.
   */
  private wake(): void {
    if (this.woken) return;
    this.woken = true;
    setImmediate(() => {
      this.woken = false;
      this.fill();
    });
  }

  /** The log is not slow. */
  private get maySettleMore(): boolean {
    return this.settling < Math.max(FEWEST_SETTLING, SETTLING_PER_SLOT * this.slots.count);
  }

  private fill(): void {
    while (this.accepting && this.maySettleMore) {
      const picked = this.order.next();
      if (picked === null) {
        this.order.fetch();
        break;
      }
      void this.handle(picked);
    }
    this.returnInTime();
  }

  /** What was fetched must not wait here while another worker has a place for it. */
  private returnInTime(): void {
    if (this.returns !== null) return;
    const inMs = this.accepting ? this.order.giveBack() : null;
    if (inMs === null) return;
    this.returns = setTimeout(() => {
      this.returns = null;
      this.wake();
    }, inMs + 1);
  }

  /** Whatever happens to a message on its way, the loop goes on and the message is not lost. */
  private async handle(picked: Picked): Promise<void> {
    const { delivery } = picked;
    this.inFlight += 1;
    this.spans.taken(delivery);
    let settled: Outcome | null = null;
    try {
      const outcome = await this.inSlot(picked);
      await this.settle(delivery, outcome);
      settled = outcome;
    } catch (error) {
      this.settlement.handBackAfter(delivery, error);
    } finally {
      this.spans.settled(delivery, settled);
      this.inFlight -= 1;
      if (this.inFlight === 0) for (const tell of this.whenIdle.splice(0)) tell();
    }
  }

  private async inSlot(picked: Picked): Promise<Outcome> {
    const { delivery, model } = picked;
    const begunAt = performance.now();
    let outcome: Outcome | null = null;
    this.slots.occupy(delivery.lane);
    this.served.began(model, delivery.lane);
    try {
      const prepared = this.preparation.of(delivery);
      const work = prepared instanceof Promise ? await prepared : prepared;
      outcome = work.kind === 'ready' ? await this.place(work, picked) : work;
      return outcome;
    } finally {
      const tookMs = performance.now() - begunAt;
      this.slots.free(delivery.lane);
      this.served.ended(model, delivery.lane, tookMs, outcome);
      picked.ended(wasCall(outcome) ? tookMs : null);
      this.wake();
    }
  }

  private place(work: Work, picked: Picked): Outcome | Promise<Outcome> {
    if (!this.accepting) return { kind: 'handed_back', delayMs: 0 };
    const acquired = this.places.first(work);
    picked.placed();
    switch (acquired.kind) {
      case 'leased':
        return this.attempts.run(work, acquired);
      case 'busy':
        picked.refused();
        // First of its model again: nothing was done with it.
        work.delivery.putBack();
        return { kind: 'put_back' };
      case 'unspeakable':
        return { kind: 'handed_back', delayMs: passedForMs(work.delivery.delivery) };
      case 'unknown_model': {
        const failure = { kind: 'unknown_model', model: this.places.wantedBy(work.request) } as const;
        return { kind: 'failed', failure, chunksDelivered: 0 };
      }
      default:
        return assertNever(acquired);
    }
  }

  private async settle(delivery: LaneDelivery, outcome: Outcome): Promise<void> {
    this.settling += 1;
    try {
      await this.settlement.settle(delivery, outcome);
    } finally {
      const heldUp = !this.maySettleMore;
      this.settling -= 1;
      // What goes back into its lane may be fetched again, by nobody else's word.
      if (heldUp || outcome.kind !== 'answered') this.wake();
    }
  }

  private async idleWithin(ms: number): Promise<void> {
    await Promise.race([this.idle(), sleep(Math.max(0, ms), undefined, { ref: false })]);
  }

  private async idle(): Promise<void> {
    if (this.inFlight === 0) return;
    await new Promise<void>((resolve) => this.whenIdle.push(resolve));
  }
}
