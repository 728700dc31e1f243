import { setTimeout as sleep } from 'node:timers/promises';

export interface SteadyLoad {
  /** Ids that the service answered `202` for, over all addresses, with what was submitted. */
  readonly accepted: ReadonlyMap<string, string>;
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
 */
export function startSteadyLoad(clients: number, contentOf: (index: number) => string): SteadyLoad {
  const accepted = new Map<string, string>();
  let target: string | null = null;
  let running = true;
  let next = 0;

  async function submit(baseUrl: string, index: number): Promise<void> {
    const content = contentOf(index);
    const response = await fetch(`${baseUrl}/api/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user_id: `user${index % 7}`, content, priority: LANES[index % 4] }),
      signal: AbortSignal.timeout(20_000),
    });
    if (response.status === 202) accepted.set(((await response.json()) as { id: string }).id, content);
    else await sleep(50);
  }

  async function client(): Promise<void> {
    while (running) {
      const baseUrl = target;
      if (baseUrl === null) await sleep(20);
      else await submit(baseUrl, next++).catch(() => sleep(20));
      await sleep(2);
    }
  }

  const done = Promise.all(Array.from({ length: clients }, client));
  return {
    accepted,
    aimAt: (baseUrl) => {
      target = baseUrl;
    },
    stop: async () => {
      running = false;
      await done;
    },
  };
}
