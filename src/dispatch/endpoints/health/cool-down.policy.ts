import type { NotNowReason } from '../../../domain/message/message.events.js';

/** A deployment that did not take a call, and when it may be asked again. */
export interface CoolDown {
  readonly reason: NotNowReason;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Refusals one after the other, each of a call that began after the one before was told. */
  readonly refusals: number;
}

interface Span {
  readonly baseMs: number;
  readonly capMs: number;
}

/** What is away may be back at any moment, and trying costs little. A quota needs somebody to pay. */
const SPANS: Readonly<Record<NotNowReason, Span>> = {
  rate_limited: { baseMs: 1_000, capMs: 60_000 },
  quota_exceeded: { baseMs: 120_000, capMs: 900_000 },
  unavailable: { baseMs: 1_000, capMs: 10_000 },
  refused_connection: { baseMs: 1_000, capMs: 10_000 },
};
/** An endpoint that asks to be called again at once is still not called more often than this. */
const SHORTEST_MS = 100;

/**
 * Calls that were under way together and are refused together count as one refusal: the cool-down must not grow with
 * the number of calls at once.
 *
 * @param random uniform in [0, 1)
 */
export function cooled(
  before: CoolDown | null,
  refusal: { readonly reason: NotNowReason; readonly retryAfterMs: number | null; readonly beganMs: number },
  nowMs: number,
  random: number,
): CoolDown {
  const { reason, retryAfterMs, beganMs } = refusal;
  const sameWave = before !== null && beganMs <= before.sinceMs;
  if (sameWave) {
    // The longest that was told holds; what was not told adds nothing.
    const toldMs = retryAfterMs === null ? 0 : nowMs + retryAfterMs;
    return { ...before, untilMs: Math.max(before.untilMs, toldMs) };
  }
  const refusals = (before?.refusals ?? 0) + 1;
  const waitMs = retryAfterMs ?? backoffMs(SPANS[reason], refusals, random);
  return { reason, sinceMs: nowMs, untilMs: nowMs + Math.max(SHORTEST_MS, waitMs), refusals };
}

/**
 * Between half of the span and all of it. All workers share one cool-down, so there is no crowd to be spread over the
 * whole span, and a wait near nothing would only be another refused call.
 */
function backoffMs({ baseMs, capMs }: Span, refusals: number, random: number): number {
  const spanMs = Math.min(capMs, baseMs * 2 ** Math.min(refusals - 1, 30));
  return spanMs * (0.5 + random / 2);
}

/** A call that the deployment took ends the series, if it began after the last refusal. */
export function taken(before: CoolDown | null, beganMs: number): CoolDown | null {
  return before === null || beganMs < before.sinceMs ? before : null;
}
