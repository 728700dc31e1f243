import type { ScaleSettings } from './scale-settings.policy.js';
import { type SlotsByLane, totalOf } from './slots-by-lane.policy.js';

/** What a size was and was wanted to be, as far as the next decision needs it. */
export interface SizeHistory {
  readonly lastRaiseMs: number | null;
  /** Of the last change, or of the first reading. */
  readonly sinceMs: number | null;
  /** The sizes wanted within the cool-down that a later one did not exceed: the highest first, the latest last. */
  readonly wanted: readonly { readonly atMs: number; readonly slots: SlotsByLane }[];
}

export const NO_CHANGES: SizeHistory = { lastRaiseMs: null, sinceMs: null, wanted: [] };

export interface SteadySize {
  readonly slots: SlotsByLane;
  /** Why a wanted change does not come now; empty where it comes or none is wanted. */
  readonly held: string;
  readonly history: SizeHistory;
}

export interface SizeQuestion {
  readonly current: SlotsByLane;
  readonly wanted: SlotsByLane;
  readonly atMs: number;
  /** Why not to raise or lower for now, whatever is wanted. */
  readonly notUp: string | null;
  readonly notDown: string | null;
}

type Steadiness = Pick<ScaleSettings, 'hysteresis' | 'upCoolDownMs' | 'downCoolDownMs'>;

/**
 * Up at once, but not twice within a cool-down, in which the first raise shows what it does. Down only to the highest size
 * that was wanted within a longer one, since a slot that is missing costs a whole start, and one too many only its time.
 */
export function steadied(question: SizeQuestion, history: SizeHistory, settings: Steadiness): SteadySize {
  const { current, wanted, atMs } = question;
  const next = {
    ...history,
    sinceMs: history.sinceMs ?? atMs,
    wanted: remembered(question, history, settings),
  };
  const stay = (held = ''): SteadySize => ({ slots: current, held, history: next });
  const [has, wants] = [totalOf(current), totalOf(wanted)];

  if (wants > has * (1 + settings.hysteresis)) {
    if (question.notUp !== null) return stay(question.notUp);
    const readyMs = (history.lastRaiseMs ?? Number.NEGATIVE_INFINITY) + settings.upCoolDownMs;
    if (has > 0 && atMs < readyMs)
      return stay(`the last raise was less than ${settings.upCoolDownMs / 1000} s ago`);
    const raised = { ...next, lastRaiseMs: atMs, sinceMs: atMs };
    return { slots: wanted, held: '', history: raised };
  }
  if (wants < has * (1 - settings.hysteresis)) {
    if (question.notDown !== null) return stay(question.notDown);
    const coolDown = `${settings.downCoolDownMs / 1000} s`;
    if (atMs < next.sinceMs + settings.downCoolDownMs)
      return stay(`the last change was less than ${coolDown} ago`);
    const highest = next.wanted[0]!.slots;
    if (totalOf(highest) >= has * (1 - settings.hysteresis)) {
      return stay(`${totalOf(highest)} were wanted within ${coolDown}`);
    }
    return { slots: highest, held: '', history: { ...next, sinceMs: atMs } };
  }
  return stay();
}

function remembered({ wanted, atMs }: SizeQuestion, history: SizeHistory, settings: Steadiness) {
  const total = totalOf(wanted);
  const above = history.wanted.filter(
    (size) => size.atMs > atMs - settings.downCoolDownMs && totalOf(size.slots) > total,
  );
  return [...above, { atMs, slots: wanted }];
}
