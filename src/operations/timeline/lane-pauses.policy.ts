import { type CallerRole, covers } from '../../domain/caller-role.policy.js';

/** Whoever reads a timeline. */
export interface TimelineReader {
  readonly role: CallerRole;
  readonly tenant: string;
}

/** A lane's pause or its end, as it lies in the log: the same fields as the lanes' own `PauseChange`. */
export interface PauseChange {
  readonly sequence: number;
  /** ISO 8601. */
  readonly time: string;
  readonly paused: boolean;
}

/** From when until when a message was under way (ISO 8601); null where it has not ended. */
export interface UnderWay {
  readonly from: string;
  readonly to: string | null;
}

/**
 * The places in the log of what a message's lane was told while it was under way: the pause that it came into, and all
 * changes until its end.
 *
 * @param changes of one lane, in the order of the log
 */
export function pausesDuring(changes: readonly PauseChange[], { from, to }: UnderWay): number[] {
  const begin = Date.parse(from);
  const end = to === null ? Number.POSITIVE_INFINITY : Date.parse(to);
  const before = changes.filter(({ time }) => Date.parse(time) < begin).at(-1);
  const during = changes.filter(({ time }) => Date.parse(time) >= begin && Date.parse(time) <= end);
  return [...(before?.paused === true ? [before] : []), ...during].map(({ sequence }) => sequence);
}

/** Who paused a lane and why is for operators, and for the tenant whose key it was. */
export function mayReadReasons({ role, tenant }: TimelineReader, of: string): boolean {
  return covers(role, 'operator') || tenant === of;
}
