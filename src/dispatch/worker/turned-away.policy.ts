import type { NotNowReason } from '../../domain/message/message.events.js';

/** A message whose calls an endpoint did not take, one after the other. */
export interface Refusals {
  readonly inRow: number;
  /** Those of them between which others were answered there. */
  readonly inVain: number;
  readonly atMs: number;
}

/** The deployment that did not take the call, right after that. */
export interface Deployment {
  /** How long it still takes no call at all; 0 where it may take one now. */
  readonly closedForMs: number;
  /** When the last call began that it answered, on the clock of `Refusals`; minus infinity where there was none. */
  readonly servedMs: number;
}

/**
 * - `wait`: back into its lane, where it is the first of its model; with a delay, what lies behind it goes before it.
 * - `fail`: others are answered and this one never is, so the attempt has failed.
 */
export type NextStep = { readonly kind: 'wait'; readonly delayMs: number } | { readonly kind: 'fail' };

/**
 * How often a request is refused in vain before that counts as its own fault. A server that is overloaded or loads its
 * model refuses everybody; where a limit is shared, one request can have bad luck many times.
 */
const MOST_IN_VAIN: Readonly<Partial<Record<NotNowReason, number>>> = { unavailable: 3, rate_limited: 20 };

/** Enough for another message to be fetched and called first. */
const BEHIND_OTHERS_MS = 250;
/** It costs the others a cool-down each time, so what is refused in vain comes more seldom. */
const LONGEST_BEHIND_MS = 4_000;

/**
 * What becomes of a message that an endpoint did not take. A server that is down refuses whatever comes, and the first
 * message of its lane may as well be the one that tries it. But it can be the request itself that the server refuses so:
 * then its message must not try each time, or nothing behind it would ever be called. So the one that was refused twice
 * in a row lets another one try. Where that is answered, and this one is refused again and again, it fails.
 *
 * What is no part of the rule: a quota and a server that nobody listens at, which no request brings about.
 */
export function turnedAway(
  before: Refusals | null,
  reason: NotNowReason,
  { closedForMs, servedMs }: Deployment,
  nowMs: number,
): { readonly refusals: Refusals; readonly next: NextStep } {
  const most = MOST_IN_VAIN[reason];
  if (before === null || most === undefined) {
    const refusals = { inRow: (before?.inRow ?? 0) + 1, inVain: before?.inVain ?? 0, atMs: nowMs };
    return { refusals, next: { kind: 'wait', delayMs: 0 } };
  }
  const inVain = before.inVain + (servedMs > before.atMs ? 1 : 0);
  const refusals = { inRow: before.inRow + 1, inVain, atMs: nowMs };
  // The next attempt begins behind the others, too: it is known by now.
  if (inVain >= most) return { refusals: { ...refusals, inVain: 0 }, next: { kind: 'fail' } };
  const behindMs = Math.min(LONGEST_BEHIND_MS, BEHIND_OTHERS_MS * 4 ** inVain);
  return { refusals, next: { kind: 'wait', delayMs: Math.ceil(closedForMs) + behindMs } };
}
