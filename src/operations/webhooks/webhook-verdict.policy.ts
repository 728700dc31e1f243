import { nextTryInMs } from '../../domain/webhook/retry-times.policy.js';

/** What came of sending a webhook once. */
export interface WebhookAnswer {
  /** Of HTTP; null where the receiver did not answer. */
  readonly status: number | null;
  /** Why it did not, in a word for programs; null where it did. */
  readonly problem: string | null;
  /** `Retry-After`. */
  readonly retryAfterMs: number | null;
  readonly durationMs: number;
}

export type WebhookVerdict =
  | { readonly outcome: 'delivered'; readonly reason: null }
  | { readonly outcome: 'retrying'; readonly reason: string; readonly delayMs: number }
  /** `isGone`: the receiver wants no webhook any more. */
  | { readonly outcome: 'failed'; readonly reason: string; readonly isGone: boolean };

/** The configuration forbids the address; only a person changes that. */
const REFUSED: readonly string[] = [
  ...['egress_bad_address', 'egress_denied', 'egress_metadata_address', 'egress_private_address'],
];

/**
 * What follows from an answer: 2xx is taken, 410 ends the receiver, all else is tried again while there are tries left. A
 * redirect is no answer: where it leads, nobody has checked.
 *
 * @param tries with this one
 * @param random uniform in [0, 1)
 */
export function webhookVerdict(
  { status, problem, retryAfterMs }: WebhookAnswer,
  tries: number,
  timesMs: readonly number[],
  random: number,
): WebhookVerdict {
  if (status !== null && status >= 200 && status <= 299) return { outcome: 'delivered', reason: null };
  const reason = problem ?? reasonOf(status);
  if (status === 410) return { outcome: 'failed', reason, isGone: true };
  const delayMs = REFUSED.includes(reason) ? null : nextTryInMs(timesMs, tries, retryAfterMs, random);
  return delayMs === null
    ? { outcome: 'failed', reason, isGone: false }
    : { outcome: 'retrying', reason, delayMs };
}

function reasonOf(status: number | null): string {
  if (status === 410) return 'gone';
  return status !== null && status >= 300 && status <= 399 ? 'redirect' : 'bad_status';
}
