import { assertNever } from '../../domain/assert-never.js';

/** What is known of an open WebSocket. Times are those of the steady clock, but for the key's end. */
export interface Watched {
  readonly openedAtMs: number;
  /** When anything came from it, an answer to a ping included. */
  readonly heardAtMs: number;
  /** When its last frame came. */
  readonly framedAtMs: number;
  readonly pingedAtMs: number;
  /** Since when what was sent to it waits to be read; null where nothing does. */
  readonly fullSinceMs: number | null;
  /** Milliseconds since the epoch; infinite for a key without an end. */
  readonly keyEndsAtMs: number;
  /** It has shown whose it is. */
  readonly admitted: boolean;
  /** The service itself does not read from it for now, and so hears no answer to a ping. */
  readonly held: boolean;
  readonly subscriptions: number;
}

export interface WatchTimes {
  readonly authenticateWithinMs: number;
  readonly pingEveryMs: number;
  readonly slowAfterMs: number;
  readonly idleAfterMs: number;
}

export type WatchVerdict = 'fine' | 'ping' | 'dead' | 'no_key' | 'key_expired' | 'too_slow' | 'idle';

/**
 * What is to be done about an open WebSocket now. A peer is dead when a whole interval passes after a ping without a
 * sign of it. One that reads nothing would not see a ping either, so that it is judged by that alone.
 */
export function watch(
  client: Watched,
  times: WatchTimes,
  now: { readonly steadyMs: number; readonly epochMs: number },
): WatchVerdict {
  const since = (atMs: number) => now.steadyMs - atMs;
  if (!client.admitted) return since(client.openedAtMs) >= times.authenticateWithinMs ? 'no_key' : 'fine';
  if (now.epochMs >= client.keyEndsAtMs) return 'key_expired';
  if (client.fullSinceMs !== null)
    return since(client.fullSinceMs) >= times.slowAfterMs ? 'too_slow' : 'fine';
  if (client.held) return 'fine';
  if (client.subscriptions === 0 && since(client.framedAtMs) >= times.idleAfterMs) return 'idle';
  const unanswered = client.pingedAtMs > client.heardAtMs;
  if (unanswered) return since(client.pingedAtMs) >= times.pingEveryMs ? 'dead' : 'fine';
  return since(client.heardAtMs) >= times.pingEveryMs ? 'ping' : 'fine';
}

/** The reason in words, where there is more to tell than a code says. */
export function wordsOf(verdict: 'no_key' | 'key_expired'): string {
  switch (verdict) {
    case 'no_key':
      return 'No key came in time. Send it as a header, as a subprotocol, or in a first frame of the type authenticate.';
    case 'key_expired':
      return 'This API key has expired (expires_at).';
    default:
      return assertNever(verdict);
  }
}
