import { Inject, Injectable } from '@nestjs/common';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { perLaneOf } from '../../domain/message/per-lane.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LANES_PORT, type LaneDelivery, type Lanes, type ModelQueue } from '../lanes/lane.port.js';
import { creditsAfter, type LaneCredits, NO_CREDITS } from '../lanes/lane-order.policy.js';
import { LanePauses, type PausedLanes } from '../lanes/lane-pauses.js';
import {
  chooseInModel,
  lookAhead,
  type ModelChoice,
  meanService,
  toFetch,
} from '../lanes/model-order.policy.js';

import { SharedTurns } from '../workers/nats/shared-turns.js';
import { Places } from './places.js';

import { Slots } from './slots.js';

/** What was fetched and found no place within this time goes back, for whoever has one. */
const HELD_FOR_MS = 50;
/** The registry had no place though it told of one: it is not asked again for so long, unless it tells of a change. */
const REFUSED_FOR_MS = 50;

/** A message on its way to an endpoint. */
export interface Picked {
  readonly delivery: LaneDelivery;
  /** Whose turn it is. */
  readonly model: string;
  /** To be called once its place is taken, or not needed: until then the place is kept for it. */
  readonly placed: () => void;
  /** The registry had no place for it. */
  readonly refused: () => void;
  /** It is out of its slot, in which its call was for so long; null where there was no call. */
  readonly ended: (ms: number | null) => void;
}

/** A model as this worker deals with it. */
interface ModelTurns {
  credits: LaneCredits;
  /** Messages that were picked and hold no place yet. */
  toPlace: number;
  /** Messages in slots. */
  running: number;
  serviceMs: number | null;
  refusedAt: number;
}

interface Offer {
  readonly queue: ModelQueue;
  readonly turns: ModelTurns;
  readonly choice: Extract<ModelChoice, { kind: 'go' }>;
  /** Where the message lies in the log. */
  readonly head: number;
}

/**
 * Which message this worker begins next, and what it fetches for that.
 *
 * Each model with a free place offers one message, by the credits of its own lanes (`chooseInModel`), which earn and pay
 * for the calls of all workers (`SharedTurns`). If there are more
 * offers than slots, the lane order of the worker decides among the models, by what is most urgent in each, and among
 * equals the message that was accepted first goes.
 *
 * Fetched is what places are free for, and, of a model whose calls are short, what will have a place in a moment
 * (`lookAhead`). The rest stays with the broker, where any worker that has a place finds it.
 */
@Injectable()
export class MessageOrder {
  private readonly models = new Map<string, ModelTurns>();
  private readonly mostAhead: number;

  constructor(
    @Inject(LANES_PORT) private readonly lanes: Pick<Lanes, 'queues'>,
    @Inject(LanePauses) private readonly pauses: Pick<PausedLanes, 'isPaused'>,
    @Inject(Slots) private readonly slots: Slots,
    @Inject(Places) private readonly places: Pick<Places, 'freePlaces'>,
    @Inject(SharedTurns) private readonly shared: Pick<SharedTurns, 'start' | 'began' | 'isAlone' | 'stop'>,
    @Inject(SERVICE_CONFIG) { queue }: Pick<ServiceConfig, 'queue'>,
  ) {
    this.mostAhead = queue.worker.prefetch;
  }

  start(): void {
    this.shared.start(({ model, lane, waiting }) => {
      const turns = this.models.get(model);
      if (turns !== undefined)
        turns.credits = creditsAfter(turns.credits, lane, waiting, this.slots.shares, this.unseen);
    });
  }

  stop(): void {
    this.shared.stop();
  }

  /** Null where none may begin now. The choice counts, so the message must be taken on. */
  next(): Picked | null {
    const isOpen = this.openLanes();
    const offers: Offer[] = [];
    let awaited = 0;
    for (const queue of this.lanes.queues) {
      const looks = perLaneOf((lane) => queue.view(lane));
      if (!LANES.some((lane) => looks[lane].ready > 0 || looks[lane].undecided)) continue;
      const turns = this.turnsOf(queue.model);
      if (this.freePlaces(queue.model, turns) <= 0) continue;
      const choice = chooseInModel(looks, isOpen, this.slots.shares, turns.credits, this.unseen);
      if (choice?.kind === 'go') offers.push({ queue, turns, choice, head: queue.head(choice.lane)! });
      else if (choice?.kind === 'not_yet' && choice.asked) awaited += 1;
    }
    // Where slots are what is lacking, an answer that is on its way may tell of a message that goes first.
    if (offers.length === 0 || (awaited > 0 && this.slots.vacant <= offers.length)) return null;
    const offer = this.choose(offers);
    return offer === null ? null : this.pick(offer);
  }

  /** Has what may begin now, or in a moment, fetched. To be called when nothing more can be picked. */
  fetch(): void {
    const isOpen = this.openLanes();
    const mayOpen = (lane: Lane) => !this.pauses.isPaused(lane) && !this.slots.isAtLimit(lane);
    const { vacant, shares } = this.slots;
    for (const queue of this.lanes.queues) {
      const looks = perLaneOf((lane) => queue.view(lane));
      // Most models of many are idle.
      if (LANES.every((lane) => looks[lane].awaited)) continue;
      const turns = this.turnsOf(queue.model);
      const places = Math.min(this.freePlaces(queue.model, turns), vacant);
      const ahead = lookAhead(turns.running, turns.serviceMs, this.mostAhead);
      if (places <= 0 && ahead === 0) continue;
      const now =
        places > 0 ? toFetch(looks, places, ahead, isOpen, shares, turns.credits, this.unseen) : null;
      const soon =
        ahead > 0
          ? toFetch(looks, Math.max(0, places) + ahead, ahead, mayOpen, shares, turns.credits, this.unseen)
          : null;
      for (const lane of LANES) {
        const count = Math.max(now?.[lane] ?? 0, soon?.[lane] ?? 0);
        if (count > 0) queue.want(lane, count);
      }
    }
  }

  /** Gives back what found no place for too long. Returns when to look again, in milliseconds; null where nothing is held. */
  giveBack(): number | null {
    let soonest: number | null = null;
    for (const queue of this.lanes.queues) {
      const left = queue.putBackAfter(HELD_FOR_MS);
      if (left !== null) soonest = Math.min(left, soonest ?? left);
    }
    return soonest;
  }

  /** The registry has changed: what it refused a moment ago it may grant now. */
  changed(): void {
    for (const turns of this.models.values()) turns.refusedAt = Number.NEGATIVE_INFINITY;
    if (this.models.size <= this.lanes.queues.length) return;
    const served = new Set(this.lanes.queues.map(({ model }) => model));
    for (const [model, { running }] of this.models) {
      if (running === 0 && !served.has(model)) this.models.delete(model);
    }
  }

  /** Of each other worker at most one call, and hardly ever of two at the same moment. */
  private get unseen(): number {
    return this.shared.isAlone ? 0 : 1;
  }

  private openLanes(): (lane: Lane) => boolean {
    const open = perLaneOf((lane) => !this.pauses.isPaused(lane) && this.slots.isOpen(lane));
    return (lane) => open[lane];
  }

  private freePlaces(model: string, { toPlace, refusedAt }: ModelTurns): number {
    const free = this.places.freePlaces(model) - toPlace;
    return free > 0 && performance.now() - refusedAt < REFUSED_FOR_MS ? 0 : free;
  }

  private choose(offers: readonly Offer[]): Offer | null {
    const lane = this.slots.choose(
      (urgency) => offers.filter(({ choice }) => choice.urgency === urgency).length,
    );
    if (lane === null) return null;
    let first: Offer | null = null;
    for (const offer of offers) {
      if (offer.choice.urgency === lane && offer.head < (first?.head ?? Number.POSITIVE_INFINITY))
        first = offer;
    }
    return first;
  }

  private pick({ queue, turns, choice }: Offer): Picked {
    const delivery = queue.take(choice.lane)!;
    const { lane, waiting } = choice;
    turns.credits = choice.credits;
    this.shared.began({ model: queue.model, lane, waiting });
    turns.toPlace += 1;
    turns.running += 1;
    let toPlace = true;
    const placed = () => {
      if (toPlace) turns.toPlace -= 1;
      toPlace = false;
    };
    return {
      delivery,
      model: queue.model,
      placed,
      refused: () => {
        turns.refusedAt = performance.now();
      },
      ended: (ms) => {
        placed();
        turns.running -= 1;
        if (ms !== null) turns.serviceMs = meanService(turns.serviceMs, ms);
      },
    };
  }

  private turnsOf(model: string): ModelTurns {
    let turns = this.models.get(model);
    if (turns === undefined) {
      turns = {
        ...{ credits: NO_CREDITS, toPlace: 0, running: 0, serviceMs: null },
        refusedAt: Number.NEGATIVE_INFINITY,
      };
      this.models.set(model, turns);
    }
    return turns;
  }
}
