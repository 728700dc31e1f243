import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import {
  choicesInARow,
  chooseLane,
  creditsAfter,
  DISPATCH,
  type LaneChoice,
  type LaneCredits,
  type LaneLoads,
  type LaneOrder,
} from './lane-order.policy.js';

/** How one lane of a model's queue looks to a worker: the same fields as the lanes' `LaneView`. */
export interface LaneLook {
  readonly ready: number;
  readonly supposed: boolean;
  readonly undecided: boolean;
  readonly unanswered: boolean;
}
export type LaneLooks = Readonly<Record<Lane, LaneLook>>;

/**
 * Which message of a model goes next.
 * - `go`: the first ready message of the lane, which pays for it from its credits.
 * - `not_yet`: one that is not here, or that may be there: it is asked for first, or was and the answer is on its way.
 */
export type ModelChoice =
  | (LaneChoice & {
      readonly kind: 'go';
      readonly urgency: Lane;
      /** Those that earned by it. */
      readonly waiting: readonly Lane[];
    })
  | { readonly kind: 'not_yet'; readonly asked: boolean };

/**
 * The lane order (`chooseLane`) among the lanes of one model. It has credits of its own, so that the bound on the wait
 * holds for each model by itself: of so many calls of the model that a lane could have had, it gets at least one.
 *
 * `urgency` is the highest lane of the model in which something waits. The model competes with others by it, whichever
 * of its lanes is owed the next call: so what is owed to a low lane holds up nothing urgent of the same model.
 *
 * @param open whether a message of the lane may begin now, as far as the worker's slots are concerned
 * @param unseen see `chooseLane`
 * @returns null where nothing that may begin waits
 */
export function chooseInModel(
  looks: LaneLooks,
  open: (lane: Lane) => boolean,
  shares: LaneOrder['shares'],
  credits: LaneCredits,
  unseen = 0,
): ModelChoice | null {
  const may = (lane: Lane) => open(lane) && waits(looks[lane]);
  const choice = chooseLane(
    loadsOf((lane) => may(lane) || (open(lane) && looks[lane].undecided)),
    unbounded(shares),
    credits,
    unseen,
  );
  if (choice === null) return null;
  const { ready, undecided } = looks[choice.lane];
  if (ready === 0 || undecided) return { kind: 'not_yet', asked: undecided };
  const waiting = LANES.filter(may);
  const { lane } = choice;
  const owed = creditsAfter(credits, lane, waiting, shares, unseen);
  const unknown = LANES.filter((each) => open(each) && looks[each].unanswered && !waiting.includes(each));
  const withUnknown = { ...owed };
  for (const each of unknown) withUnknown[each] = supposedlyEarned(owed[each], shares[each]);
  return { kind: 'go', lane, credits: withUnknown, urgency: waiting[0]!, waiting };
}

/**
 * A lane of which nobody knows yet whether anything waits there may have waited for this call, so it earns. But not as
 * much as a whole dispatch, so that one that is empty after all builds up no claim.
 */
function supposedlyEarned(owed: number, share: number): number {
  return Math.max(owed, Math.min(DISPATCH - 1, owed + share));
}

function waits({ ready, supposed }: LaneLook): boolean {
  return ready > 0 || supposed;
}

/** A lane in which nothing seems to wait is asked for no more than this, so that a burst needs few questions. */
const BURST = 4;

/**
 * How many messages of each lane should be here or on their way, to fill so many places in the order of the lanes. Where
 * something is known to wait, a lane that looks empty is asked for one message only: there may be one that goes first.
 *
 * @param ahead of the places, those that look ahead; the others are free now
 * @param open whether the lane may be fetched from
 */
export function toFetch(
  looks: LaneLooks,
  places: number,
  ahead: number,
  open: (lane: Lane) => boolean,
  shares: LaneOrder['shares'],
  credits: LaneCredits,
  unseen = 0,
): Record<Lane, number> {
  const full = LANES.filter((lane) => open(lane) && waits(looks[lane]));
  const counts = { realtime: 0, high: 0, normal: 0, low: 0 };
  for (const lane of LANES) {
    if (!open(lane) || full.includes(lane)) continue;
    counts[lane] = full.length > 0 ? Math.min(1, places) : Math.min(places, BURST + ahead);
  }
  if (full.length === 1) counts[full[0]!] = places;
  if (full.length < 2) return counts;
  const inARow = choicesInARow(places, full, shares, credits, unseen);
  for (const lane of full) counts[lane] = inARow[lane];
  return counts;
}

/** What is pulled for calls that begin within this time is not pulled too early. */
const LOOK_AHEAD_MS = 20;

/**
 * How many more calls of a model will begin within the look-ahead, by Little's law: as many as end in that time, if each
 * takes as long as they did of late. So a fast endpoint never waits for the broker, and a slow one holds nothing.
 *
 * @param serviceMs the mean time of a call in its slot; null where none has ended yet
 */
export function lookAhead(running: number, serviceMs: number | null, most: number): number {
  if (serviceMs === null) return 0;
  return Math.min(most, Math.floor((running * LOOK_AHEAD_MS) / Math.max(serviceMs, 0.1)));
}

/** The weight of the latest call in the mean: some ten calls, so that an endpoint that slows down is soon known. */
const LATEST = 0.1;

/** The mean time of a call, with one more. */
export function meanService(before: number | null, ms: number): number {
  return before === null ? ms : before + (ms - before) * LATEST;
}

function loadsOf(waiting: (lane: Lane) => boolean): LaneLoads {
  const load = (lane: Lane) => ({ waiting: waiting(lane) ? 1 : 0, running: 0, maxConcurrent: null });
  return { realtime: load('realtime'), high: load('high'), normal: load('normal'), low: load('low') };
}

/** The slots are the worker's to count; a model has as many places as its endpoints give it. */
function unbounded(shares: LaneOrder['shares']): LaneOrder {
  return { slots: Number.POSITIVE_INFINITY, heldBack: 0, shares };
}
