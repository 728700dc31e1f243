import {
  chooseLane,
  type LaneCredits,
  type LaneOrder,
  laneOrder,
  NO_CREDITS,
} from '../../dispatch/lanes/lane-order.policy.js';
import { assertNever } from '../../domain/assert-never.js';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { eachLane } from '../policy/slots-by-lane.policy.js';
import { EventQueue } from './event-queue.js';
import { Fleet, type SimulatedWorker } from './fleet.js';
import { LaneQueues } from './lane-queues.js';
import { ANSWER_WEIGHT, type ModelSpeed, serviceMs } from './model-speed.js';
import type { FleetView, Scaler } from './scalers/scaler.js';
import type { LanedRequest } from './trace.js';

export interface Setting {
  readonly trace: readonly LanedRequest[];
  readonly speed: ModelSpeed;
  readonly slotsPerWorker: number;
  readonly startDelayMs: number;
  readonly firstSlots: number;
}

/** What happened in a run, second by second and message by message. */
export interface Run {
  readonly fleet: Fleet;
  readonly waits: readonly { readonly lane: Lane; readonly atMs: number; readonly waitMs: number }[];
  readonly sizes: readonly { readonly atMs: number; readonly slots: number }[];
  readonly seconds: readonly SecondSeen[];
}

export interface SecondSeen {
  readonly atMs: number;
  readonly running: number;
  readonly waiting: number;
  readonly readySlots: number;
  readonly wantedSlots: number;
  readonly oldestMs: number;
}

type Event =
  | { readonly type: 'arrival'; readonly request: LanedRequest }
  | { readonly type: 'ended'; readonly request: LanedRequest; readonly worker: SimulatedWorker }
  | { readonly type: 'started'; readonly worker: SimulatedWorker }
  | { readonly type: 'decision' }
  | { readonly type: 'second' };

/** As configuration has them by default. The reserve is counted over all workers together. */
const MIN_SHARE = { realtime: 0, high: 0.2, normal: 0.1, low: 0.05 };
const REALTIME_RESERVE = 0.1;
/** After the trace has ended, a policy gets so long to serve what waits. */
const LONGEST_REST_MS = 6 * 3_600_000;
/** What an answer is expected to have before one was seen. */
const FIRST_ANSWER_TOKENS = 128;
/** Answers whose mean tells what the next one will have. */
const ANSWERS_REMEMBERED = 500;

/** One policy on one trace. Event by event, without a clock and without chance: the same setting gives the same run. */
export class Simulation {
  private readonly events = new EventQueue<Event>();
  private readonly lanes = new LaneQueues();
  private readonly fleet: Fleet;
  private readonly run: {
    waits: Run['waits'][number][];
    sizes: Run['sizes'][number][];
    seconds: SecondSeen[];
  };
  private readonly endMs: number;
  private nowMs = 0;
  private order: LaneOrder = orderOf(0);
  private credits: LaneCredits = NO_CREDITS;
  private wantedSlots: number;
  private readonly service = { busyMs: 0, served: 0, servedTokens: 0 };
  private answerTokens = FIRST_ANSWER_TOKENS;

  constructor(
    private readonly setting: Setting,
    private readonly scaler: Scaler,
  ) {
    this.fleet = new Fleet(setting.slotsPerWorker, Math.ceil(setting.firstSlots / setting.slotsPerWorker));
    this.wantedSlots = this.fleet.slots('ready');
    this.order = orderOf(this.wantedSlots);
    this.run = { waits: [], sizes: [{ atMs: 0, slots: this.wantedSlots }], seconds: [] };
    this.endMs = setting.trace.at(-1)!.atMs;
    for (const request of setting.trace) this.events.push(request.atMs, { type: 'arrival', request });
    this.events.push(0, { type: 'decision' });
    this.events.push(0, { type: 'second' });
  }

  finished(): Run {
    const latestMs = this.endMs + LONGEST_REST_MS;
    while (this.run.waits.length < this.setting.trace.length && this.events.nextMs <= latestMs) {
      this.nowMs = this.events.nextMs;
      this.happen(this.events.pop());
      this.dispatch();
    }
    this.countUnserved(latestMs);
    return { fleet: this.fleet, ...this.run };
  }

  private happen(event: Event): void {
    switch (event.type) {
      case 'arrival':
        this.lanes.arrive(event.request, this.answerTokensExpected);
        break;
      case 'ended':
        this.end(event.request, event.worker);
        break;
      case 'started':
        if (event.worker.state === 'starting') event.worker.state = 'ready';
        this.sizeChanged();
        break;
      case 'decision':
        this.decide();
        this.events.push(this.nowMs + this.scaler.everyMs, event);
        break;
      case 'second':
        this.look();
        this.events.push(this.nowMs + 1_000, event);
        break;
      default:
        assertNever(event);
    }
  }

  private dispatch(): void {
    for (;;) {
      const loads = eachLane((lane) => ({
        waiting: this.lanes.waiting(lane),
        running: this.lanes.running(lane),
        maxConcurrent: null,
      }));
      const choice = this.fleet.hasFreeSlot() ? chooseLane(loads, this.order, this.credits) : null;
      if (choice === null) return;
      this.credits = choice.credits;
      const request = this.lanes.begin(choice.lane);
      const worker = this.fleet.begin();
      this.run.waits.push({ lane: choice.lane, atMs: request.atMs, waitMs: this.nowMs - request.atMs });
      this.events.push(this.nowMs + serviceMs(request, this.setting.speed), {
        type: 'ended',
        request,
        worker,
      });
    }
  }

  private end(request: LanedRequest, worker: SimulatedWorker): void {
    this.lanes.end(request.lane);
    this.fleet.end(worker, this.nowMs);
    this.service.busyMs += serviceMs(request, this.setting.speed);
    this.service.served += 1;
    this.service.servedTokens += request.promptTokens + ANSWER_WEIGHT * request.answerTokens;
    const weight = Math.max(1 / this.service.served, 1 / ANSWERS_REMEMBERED);
    this.answerTokens += (request.answerTokens - this.answerTokens) * weight;
    this.sizeChanged();
  }

  private decide(): void {
    const slots = this.scaler.decide(this.view());
    if (slots === this.wantedSlots) return;
    this.wantedSlots = slots;
    if (this.nowMs <= this.endMs) this.run.sizes.push({ atMs: this.nowMs, slots });
    for (const worker of this.fleet.resize(slots, this.nowMs)) {
      this.events.push(this.nowMs + this.setting.startDelayMs, { type: 'started', worker });
    }
    this.sizeChanged();
  }

  /** Calls of draining workers go on beside the slots that are counted here, as they do in the service. */
  private sizeChanged(): void {
    const slots = this.fleet.slots('ready') + this.fleet.drainingCalls;
    if (slots !== this.order.slots) this.order = orderOf(slots);
  }

  private view(): FleetView {
    const expected = this.answerTokensExpected;
    const readySlots = this.fleet.slots('ready');
    return {
      inputs: {
        model: 'simulated',
        atMs: this.nowMs,
        lanes: eachLane((lane) => this.lanes.reading(lane, this.nowMs, expected)),
        service: { ...this.service },
        slots: readySlots + this.fleet.slots('starting'),
        startDelayMs: this.setting.startDelayMs,
      },
      readySlots,
      runningCalls: LANES.reduce((sum, lane) => sum + this.lanes.running(lane), 0),
      waitingMessages: LANES.reduce((sum, lane) => sum + this.lanes.waiting(lane), 0),
      waitingPromptTokens: this.lanes.waitingPromptTokens,
    };
  }

  private look(): void {
    if (this.nowMs > this.endMs) return;
    const view = this.view();
    const oldest = LANES.map((lane) => this.nowMs - (this.lanes.oldestMs(lane) ?? this.nowMs));
    this.run.seconds.push({
      atMs: this.nowMs,
      running: view.runningCalls,
      waiting: view.waitingMessages,
      readySlots: view.readySlots,
      wantedSlots: this.wantedSlots,
      oldestMs: Math.max(...oldest),
    });
  }

  private countUnserved(latestMs: number): void {
    for (const lane of LANES) {
      while (this.lanes.waiting(lane) > 0) {
        const { atMs } = this.lanes.begin(lane);
        this.run.waits.push({ lane, atMs, waitMs: latestMs - atMs });
      }
    }
  }

  private get answerTokensExpected(): number {
    return ANSWER_WEIGHT * this.answerTokens;
  }
}

function orderOf(slots: number): LaneOrder {
  return laneOrder({ slots, realtimeReserve: REALTIME_RESERVE, minShare: MIN_SHARE });
}
