import { z } from 'zod';
import { assertNever } from '../../domain/assert-never.js';

/** A response as it went out the first time. */
const responseSchema = z.object({
  status: z.number().int(),
  /** Those that are a part of the answer: `content-type`, `location`. */
  headers: z.record(z.string(), z.string()),
  body: z.string(),
  /**
   * Where the log has what the body told, which is then empty here: content is kept in the log alone, so that erasing it
   * there is enough.
   */
  told_from: z.number().int().positive().optional(),
});
export type StoredResponse = z.infer<typeof responseSchema>;

/**
 * What is kept under a key.
 * - `running`: a process carries the request out, and renews this (`beat`) as long as it does.
 * - `uncertain`: it was begun, and its outcome is not known; the next request with the key finds out, with the same seed.
 * - `done`: this is the response.
 * - `free`: it was refused and left nothing.
 */
export const reservationSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('running'), fingerprint: z.string(), seed: z.uuid(), beat: z.number().int() }),
  z.object({ state: z.literal('uncertain'), fingerprint: z.string(), seed: z.uuid() }),
  z.object({ state: z.literal('done'), fingerprint: z.string(), response: responseSchema }),
  z.object({ state: z.literal('free') }),
]);
export type Reservation = z.infer<typeof reservationSchema>;

/** What a request does that finds its key there. `seed` null: nothing of an earlier run can be there. */
export type Judgement =
  | { readonly kind: 'reused' }
  | { readonly kind: 'replay'; readonly response: StoredResponse }
  | { readonly kind: 'wait' }
  | { readonly kind: 'take'; readonly seed: string | null };

/**
 * @param silentMs how long the reservation has not changed, as far as the asker saw
 * @param leaseMs a running one that is silent for so long has lost its process
 */
export function judge(
  reservation: Reservation,
  fingerprint: string,
  silentMs: number,
  leaseMs: number,
): Judgement {
  if (reservation.state === 'free') return { kind: 'take', seed: null };
  if (reservation.fingerprint !== fingerprint) return { kind: 'reused' };
  switch (reservation.state) {
    case 'done':
      return { kind: 'replay', response: reservation.response };
    case 'uncertain':
      return { kind: 'take', seed: reservation.seed };
    case 'running':
      return silentMs >= leaseMs ? { kind: 'take', seed: reservation.seed } : { kind: 'wait' };
    default:
      return assertNever(reservation);
  }
}

export const MAX_KEY_LENGTH = 255;

const KEY = new RegExp(`^[\\x20-\\x7e]{1,${MAX_KEY_LENGTH}}$`);

export function isIdempotencyKey(header: unknown): header is string {
  return typeof header === 'string' && KEY.test(header);
}
