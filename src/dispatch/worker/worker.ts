import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Summarizer } from '../../conversations/summarizer.js';
import { LANES, type Lane } from '../../domain/message/message.events.js';
import type { EndpointLease } from '../endpoints/endpoint-registry.js';
import type { LaneDelivery, Lanes } from '../lanes/lane.port.js';
import type { PausedLanes } from '../lanes/lane-pauses.js';
import type { Attempts } from './attempt.js';
import type { EndpointPlaces } from './endpoint-places.js';
import type { Preparation } from './preparation.js';
import type { Prepared } from './prepared.js';
import type { RunningCalls } from './running-calls.js';
import type { SetAside } from './set-aside.js';
import type { Settlement } from './settlement.js';
import type { Slots } from './slots.js';
import type { CallFailure } from './verdict.policy.js';
import type { Work } from './work.js';
import type { WorkerCounters } from './worker-counters.js';
import { WorkerStoppingError } from './worker-stopping.error.js';

const SWEEP_EVERY_MS = 1_000;
/** A message of which nobody can tell whether it ran waits this long for the projection, off its slot. */
const UNCLEAR_DELAY_MS = 5_000;
/** After a failure of the worker itself: not at once, or a bug becomes a busy loop. */
const MISHAP_DELAY_MS = 5_000;
/**
 * A message beyond the limit of those set aside goes back, for longer each time, so that the lane's messages for other
 * models get their turn behind ever more of them.
 */
const CROWDED_DELAY_MS = 5_000;
const LONGEST_CROWDED_DELAY_MS = 300_000;

export interface WorkerParts {
  readonly lanes: Lanes;
  readonly pauses: PausedLanes;
  readonly slots: Slots;
  readonly places: EndpointPlaces;
  readonly setAside: SetAside;
  readonly preparation: Preparation;
  readonly attempts: Attempts;
  readonly settlement: Settlement;
  readonly calls: RunningCalls;
  readonly counters: WorkerCounters;
  /** Null where conversations are not summed up. */
  readonly summarizer: Summarizer | null;
  /** Aborted by `stop` when the time to finish is over. */
  readonly stopping: AbortController;
  readonly logger: Logger;
}

/** A snapshot; messages, not calls, but for `running`. */
export interface WorkerStatus {
  readonly slots: number;
  readonly running: number;
  readonly runningByLane: Readonly<Record<Lane, number>>;
  /** The most calls of each lane that there can be at once. */
  readonly capacity: Readonly<Record<Lane, number>>;
  readonly settling: number;
  readonly setAside: number;
  /** Models that were found to have no free place. */
  readonly busyModels: readonly string[];
  readonly ready: Readonly<Record<Lane, number>>;
  readonly counters: Readonly<WorkerCounters>;
}

/**
 * Takes messages off the lanes and sees each through one attempt.
 *
 * A message passes through: ready in a lane -> (prepared, in a slot, where the log or its conversation must be asked
 * first, and held, out of the lane, behind an earlier turn) -> placed at an
 * endpoint, or set aside while its endpoints are busy -> called, in a slot -> settled, out of the slot, since a durable
 * write must not keep an endpoint idle. At every point of this way it is held, and ends in exactly one ack or
 * hand-back; only the death of the process leaves that to the broker.
 *
 * The loop has no timer: it runs when a message arrives, a slot or place is freed, or a message is settled.
 */
export class Worker {
  private accepting = false;
  private woken = false;
  private settling = 0;
  /** Messages in somebody's hands here, set aside ones not counted. */
  private inFlight = 0;
  private onIdle: (() => void) | null = null;
  private sweep: NodeJS.Timeout | null = null;

  constructor(
    private readonly parts: WorkerParts,
    /** Settling beyond this many at once means that the log is slow: then nothing new is begun. */
    private readonly maxSettling: number,
  ) {}

  /** @throws when the lanes can't be read */
  async start(): Promise<void> {
    const { lanes, places, calls, pauses } = this.parts;
    this.accepting = true;
    places.onFree(() => this.wake());
    pauses.onChange(() => this.wake());
    await lanes.start(() => this.wake());
    this.sweep = setInterval(() => calls.abortOverdue(), SWEEP_EVERY_MS);
  }

  get status(): WorkerStatus {
    const { lanes, slots, places, setAside, counters } = this.parts;
    const ready = Object.fromEntries(LANES.map((lane) => [lane, lanes.ready(lane)])) as Record<Lane, number>;
    return {
      slots: slots.count,
      running: slots.running,
      runningByLane: slots.runningByLane,
      capacity: slots.capacity,
      settling: this.settling,
      setAside: setAside.size,
      busyModels: places.busy,
      ready,
      counters: { ...counters },
    };
  }

  /**
   * Takes no more, hands back what waits, lets calls finish, and at last aborts and hands back those that did not.
   * Resolves within about the time given.
   */
  async stop(withinMs: number): Promise<void> {
    const { lanes, setAside, calls, stopping } = this.parts;
    const abortAt = performance.now() + withinMs * 0.8;
    this.accepting = false;
    for (const { delivery } of setAside.takeAll()) this.handBack(delivery);
    await lanes.stopTaking();
    await this.idle(abortAt - performance.now());
    stopping.abort();
    calls.abortAll();
    await this.idle(withinMs * 0.1);
    await this.parts.summarizer?.idle();
    if (this.sweep !== null) clearInterval(this.sweep);
    await lanes.close();
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
    const { lanes, slots, places, setAside, pauses, preparation } = this.parts;
    const waiting = (lane: Lane) => (pauses.isPaused(lane) ? 0 : lanes.ready(lane) + setAside.ready(lane));
    while (this.accepting && this.settling < this.maxSettling && !places.noneFree) {
      const lane = slots.choose(waiting);
      if (lane === null) return;
      const work = setAside.take(lane);
      if (work === undefined) this.begin(lanes.take(lane)!);
      else if (preparation.overtaken(work.delivery)) this.begin(work.delivery);
      else this.place(work);
    }
  }

  private begin(delivery: LaneDelivery): void {
    const work = this.parts.preparation.atOnce(delivery);
    if (work !== null) this.place(work);
    else void this.hold(delivery, () => this.prepare(delivery));
  }

  private async prepare(delivery: LaneDelivery): Promise<void> {
    const { slots, preparation } = this.parts;
    slots.occupy(delivery.lane);
    let prepared: Prepared;
    try {
      prepared = await preparation.prepare(delivery);
    } finally {
      slots.free(delivery.lane);
      this.wake();
    }
    // Without a pause since the slot was freed, so that no younger message gets it first.
    await this.follow(delivery, prepared);
  }

  private async follow(delivery: LaneDelivery, prepared: Prepared): Promise<void> {
    switch (prepared.kind) {
      case 'ready':
        this.place(prepared.work);
        break;
      case 'held':
        await this.settle(() => this.parts.settlement.held(delivery, prepared.behind));
        break;
      case 'known':
        this.parts.counters.alreadyKnown += 1;
        await this.settle(() => this.parts.settlement.known(delivery, prepared.decision));
        break;
      case 'unclear':
        this.unclear(delivery);
        break;
      case 'request_missing':
        await this.fail(delivery, prepared);
        break;
      default:
        assertNever(prepared);
    }
  }

  private place(work: Work): void {
    const { delivery, request } = work;
    if (!this.accepting) {
      this.handBack(delivery);
      return;
    }
    const acquired = this.parts.places.acquire(request.model);
    switch (acquired.kind) {
      case 'leased':
        void this.hold(delivery, () => this.execute(work, acquired));
        break;
      case 'busy':
        this.putAside(work);
        break;
      case 'unknown_model': {
        const failure = { kind: 'unknown_model', model: this.parts.places.named(request.model) } as const;
        void this.hold(delivery, () => this.fail(delivery, failure));
        break;
      }
      default:
        assertNever(acquired);
    }
  }

  private putAside(work: Work): void {
    const { setAside } = this.parts;
    if (setAside.isFull) this.handBack(work.delivery, crowdedDelayMs(work.delivery.delivery));
    else setAside.add(work);
  }

  private async execute(work: Work, lease: EndpointLease): Promise<void> {
    const { attempts, settlement } = this.parts;
    const outcome = await this.inSlot(work.delivery.lane, () => attempts.run(work, lease));
    if (outcome.kind === 'unclear') this.unclear(work.delivery);
    else await this.settle(() => settlement.outcome(work.delivery, outcome));
  }

  private unclear(delivery: LaneDelivery): void {
    this.parts.logger.warn(
      { messageId: delivery.event.subject },
      'a message waits for the projection to tell whether it may run',
    );
    this.handBack(delivery, UNCLEAR_DELAY_MS);
  }

  private fail(delivery: LaneDelivery, failure: CallFailure): Promise<void> {
    return this.settle(() => this.parts.settlement.failed(delivery, failure, 0));
  }

  private async inSlot<T>(lane: Lane, task: () => Promise<T>): Promise<T> {
    this.parts.slots.occupy(lane);
    try {
      return await task();
    } finally {
      this.parts.slots.free(lane);
      this.wake();
    }
  }

  private async settle(task: () => Promise<void>): Promise<void> {
    this.settling += 1;
    try {
      await task();
    } finally {
      this.settling -= 1;
      this.wake();
    }
  }

  /** Runs a task that has a message in its hands. Whatever it throws, the loop goes on and the message is not lost. */
  private async hold(delivery: LaneDelivery, task: () => Promise<void>): Promise<void> {
    this.inFlight += 1;
    try {
      await task();
    } catch (error) {
      this.mishap(delivery, error);
    } finally {
      this.inFlight -= 1;
      if (this.inFlight === 0) this.onIdle?.();
    }
  }

  private mishap(delivery: LaneDelivery, error: unknown): void {
    const { counters, logger } = this.parts;
    if (error instanceof WorkerStoppingError) {
      this.handBack(delivery);
      return;
    }
    counters.mishaps += 1;
    const { subject: messageId } = delivery.event;
    logger.error({ err: error, messageId, sequence: delivery.sequence }, 'the worker failed over a message');
    this.handBack(delivery, MISHAP_DELAY_MS);
  }

  private handBack(delivery: LaneDelivery, delayMs = 0): void {
    this.parts.counters.handedBack += 1;
    delivery.handBack(delayMs);
  }

  private async idle(withinMs: number): Promise<void> {
    if (this.inFlight === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.onIdle = resolve;
    });
    await Promise.race([idle, sleep(Math.max(0, withinMs), undefined, { ref: false })]);
  }
}

function crowdedDelayMs(delivery: number): number {
  return Math.min(LONGEST_CROWDED_DELAY_MS, CROWDED_DELAY_MS * 2 ** (delivery - 1));
}

function assertNever(value: never): never {
  throw new Error(`Not a case of the worker's: ${JSON.stringify(value)}`);
}
