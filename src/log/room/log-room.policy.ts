import { assertNever } from '../../domain/assert-never.js';

/** Appends that end without being stored, over a connection that stands. */
export interface AppendTrouble {
  /** How long ago the first of them was sent, and the last of them came to nothing; nothing was stored since the first. */
  readonly forMs: number;
  readonly lastMsAgo: number;
  /** What the broker said, or that it was silent. */
  readonly reason: string;
  /** The broker said that its store has no room. */
  readonly full: boolean;
}

/** What is known of the store, at one moment. Sizes in bytes. */
export interface StoreView {
  /** Of the disk; null where it is not this process's server that stores. */
  readonly freeBytes: number | null;
  /** Null where the broker does not say. */
  readonly usedBytes: number | null;
  /** Null: no limit but the disk. */
  readonly limitBytes: number | null;
  readonly trouble: AppendTrouble | null;
  /** The embedded server has logged that it met a full disk. It keeps that error until it is started again. */
  readonly metFullDisk: boolean;
}

export interface RoomRules {
  /** What new messages leave, for the events of those under way. */
  readonly reserveBytes: number;
  /** After so long without any append stored a further one would wait in vain. */
  readonly giveUpAfterMs: number;
}

/**
 * Whether the log takes new messages, and why not.
 * - `open`: it does.
 * - `disk_reserve`, `store_reserve`: what is left is kept for the events of messages under way, which are still stored.
 *   `neededBytes` is what must be left for it to open again.
 * - `store_full`: the broker refuses every event, and stores again as soon as it has room.
 * - `disk_full`: the server met a full disk and stores nothing, also not when there is space again, until it is restarted.
 * - `unsure`: appends get no answer, or are told to come again; it may pass.
 * - `not_storing`: the same, for longer than an append may take.
 */
export type LogRoomState =
  | { readonly kind: 'open' }
  | { readonly kind: 'disk_reserve'; readonly freeBytes: number; readonly neededBytes: number }
  | {
      readonly kind: 'store_reserve';
      readonly usedBytes: number;
      readonly limitBytes: number;
      readonly neededBytes: number;
    }
  | { readonly kind: 'store_full'; readonly reason: string }
  | { readonly kind: 'disk_full'; readonly reason: string }
  | { readonly kind: 'unsure' | 'not_storing'; readonly reason: string; readonly forMs: number };

const MIB = 1024 * 1024;
/** With less than this free a write of a whole batch can fail. */
const FULL_BELOW_BYTES = 16 * MIB;
/** An append may be slow once; the log is not called unsure for that. */
const UNSURE_AFTER_MS = 1_500;
/** Where nobody tries any more, nothing is known of the log, and somebody must be let in to find out. */
const FULL_LASTS_MS = 5_000;
const TROUBLE_LASTS_MS = 20_000;
/** Room must exceed the reserve by a quarter before messages are taken again, so that the gate does not flap. */
const REOPEN_FACTOR = 1.25;
const NO_SPACE = /no space left/i;

export function roomOf(view: StoreView, before: LogRoomState, rules: RoomRules): LogRoomState {
  return troubleOf(view, before, rules) ?? reserveOf(view, before, rules) ?? { kind: 'open' };
}

function troubleOf(
  { trouble, freeBytes, metFullDisk }: StoreView,
  before: LogRoomState,
  { giveUpAfterMs }: RoomRules,
): LogRoomState | null {
  if (trouble === null) return null;
  const { reason, forMs, lastMsAgo, full } = trouble;
  if (full) return lastMsAgo < FULL_LASTS_MS ? { kind: 'store_full', reason } : null;
  // The server may have been unable to log it, and there may be space by now.
  const wasFull = before.kind === 'disk_full' || (freeBytes !== null && freeBytes < FULL_BELOW_BYTES);
  const isDiskFull = wasFull || metFullDisk || NO_SPACE.test(reason);
  if (isDiskFull && freeBytes !== null) return { kind: 'disk_full', reason };
  if (lastMsAgo >= TROUBLE_LASTS_MS) return null;
  if (isDiskFull) return { kind: 'disk_full', reason };
  if (forMs >= giveUpAfterMs) return { kind: 'not_storing', reason, forMs };
  return forMs >= UNSURE_AFTER_MS ? { kind: 'unsure', reason, forMs } : null;
}

function reserveOf(
  { freeBytes, usedBytes, limitBytes }: StoreView,
  before: LogRoomState,
  { reserveBytes }: RoomRules,
): LogRoomState | null {
  const neededBytes = Math.ceil(reserveBytes * REOPEN_FACTOR);
  const onDisk = before.kind === 'disk_reserve' || before.kind === 'disk_full' ? neededBytes : reserveBytes;
  if (freeBytes !== null && freeBytes < onDisk) return { kind: 'disk_reserve', freeBytes, neededBytes };
  const inStore =
    before.kind === 'store_reserve' || before.kind === 'store_full' ? neededBytes : reserveBytes;
  if (usedBytes !== null && limitBytes !== null && limitBytes - usedBytes < inStore) {
    return { kind: 'store_reserve', usedBytes, limitBytes, neededBytes };
  }
  return null;
}

/** True where new messages are refused at once because there is no room for them. */
export function isFull({ kind }: LogRoomState): boolean {
  switch (kind) {
    case 'disk_reserve':
    case 'store_reserve':
    case 'store_full':
    case 'disk_full':
      return true;
    case 'open':
    case 'unsure':
    case 'not_storing':
      return false;
    default:
      return assertNever(kind);
  }
}

/** A server that starts needs some room for its own files. */
const ROOM_TO_START_BYTES = 32 * MIB;
/** Its starts are not cheap, and one that did not help will not help a moment later. */
const BETWEEN_RESTARTS_MS = 15_000;
/** A server that answers everything but appends for so long does not come to itself again. */
const STUCK_AFTER_MS = 30_000;

export interface RestartView {
  readonly state: LogRoomState;
  readonly freeBytes: number;
  /** Milliseconds since the last restart that was asked for; infinity for none. */
  readonly sinceRestartMs: number;
  /** The server has answered a question of another kind just now. */
  readonly answers: boolean;
  /** Its limit is read off the disk when it starts. */
  readonly limitFollowsDisk: boolean;
  /** As in `StoreView`. Streams beside the log's may keep the error, too, and nobody would hear of it. */
  readonly metFullDisk: boolean;
}

/** Whether the embedded server should be started again now, because only that makes it store again. */
export function restartHelps(view: RestartView): boolean {
  const { state, freeBytes, sinceRestartMs, answers, limitFollowsDisk, metFullDisk } = view;
  if (sinceRestartMs < BETWEEN_RESTARTS_MS || freeBytes < ROOM_TO_START_BYTES) return false;
  if (state.kind === 'disk_full' || metFullDisk) return true;
  if (state.kind === 'store_full') return limitFollowsDisk;
  return state.kind === 'not_storing' && answers && state.forMs >= STUCK_AFTER_MS;
}
