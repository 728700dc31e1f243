import { setTimeout as sleep } from 'node:timers/promises';

export interface SteadyLoad {
  /** Ids that the service answered `202` for, over all addresses, with what was submitted. */
  readonly accepted: ReadonlyMap<string, string>;
  /** Begins to measure; what it returns tells the longest time without an acceptance since, in milliseconds. */
  measurePause(): () => number;
  /** Where to submit from now on; null while the service is down. */
  aimAt(baseUrl: string | null): void;
  /** Ends the load; resolves when no request is under way. */
  stop(): Promise<void>;
}

const LANES = ['realtime', 'high', 'normal', 'low'];

/**
 * Clients that submit without a pause, and remember exactly what was accepted: a request that a kill cut off was not
 * answered, so nothing is promised about it.
 *
 * @param contentOf the content of the message with this number
 * @param everyMs what a client waits after each answer
 */
export function startSteadyLoad(
  clients: number,
  contentOf: (index: number) => string,
  everyMs = 2,
): SteadyLoad {
  const accepted = new Map<string, string>();
  let target: string | null = null;
  let running = true;
  let next = 0;
  let acceptedAt = performance.now();
  let longestPauseMs = 0;

  function notePause(): number {
    const now = performance.now();
    longestPauseMs = Math.max(longestPauseMs, now - acceptedAt);
    return now;
  }

  async function submit(baseUrl: string, index: number): Promise<void> {
    const content = contentOf(index);
    const response = await fetch(`${baseUrl}/api/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user_id: `user${index % 7}`, content, priority: LANES[index % 4] }),
      signal: AbortSignal.timeout(20_000),
    });
    if (response.status !== 202) {
      await sleep(50);
      return;
    }
    accepted.set(((await response.json()) as { id: string }).id, content);
    acceptedAt = notePause();
  }

  async function client(): Promise<void> {
    while (running) {
      const baseUrl = target;
      if (baseUrl === null) await sleep(20);
      else await submit(baseUrl, next++).catch(() => sleep(20));
      await sleep(everyMs);
    }
  }

  const done = Promise.all(Array.from({ length: clients }, client));
  return {
    accepted,
    measurePause: () => {
      acceptedAt = performance.now();
      longestPauseMs = 0;
      return () => {
        notePause();
        return longestPauseMs;
      };
    },
    aimAt: (baseUrl) => {
      target = baseUrl;
    },
    stop: async () => {
      running = false;
      await done;
    },
  };
}
