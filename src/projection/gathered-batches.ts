import type { StoredEvent } from '../event-log/event-log.port.js';
import { eventWeight } from './event-weight.js';

/** In characters, of which each is up to three bytes while it is written. */
const MAX_WAITING_WEIGHT = 16 * 1024 * 1024;

/**
 * Reads on while a batch is being worked on, and hands over all that has come by then: the busier the system, the
 * larger the batches, and none waits for a timer. It stops reading while `maxBatch` events wait, or long ones.
 *
 * Ends with its source. Events that came before the source failed are handed over first.
 */
export async function* gatheredBatches(
  source: AsyncIterable<readonly StoredEvent[]>,
  maxBatch: number,
): AsyncGenerator<readonly StoredEvent[]> {
  let waiting: StoredEvent[] = [];
  let weight = 0;
  let ended = false;
  let changed = signalled();
  const notify = () => {
    changed.resolve();
    changed = signalled();
  };

  const reading = (async () => {
    for await (const batch of source) {
      for (const stored of batch) {
        waiting.push(stored);
        weight += eventWeight(stored.event);
      }
      notify();
      while ((waiting.length >= maxBatch || weight >= MAX_WAITING_WEIGHT) && !ended) await changed.promise;
      if (ended) break;
    }
  })().finally(() => {
    ended = true;
    notify();
  });
  // Thrown below, once what came before it is handed over; until then nobody listens to it.
  reading.catch(() => {});

  try {
    for (;;) {
      const batch = waiting;
      if (batch.length > 0) {
        waiting = [];
        weight = 0;
        notify();
        yield batch;
      } else if (ended) {
        return await reading;
      } else {
        await changed.promise;
      }
    }
  } finally {
    ended = true;
    notify();
  }
}

function signalled(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
