import type { StoredEvent } from '../../log/event-log.port.js';
import type { BatchingDelay } from './batching-delay.js';
import { eventWeight } from './event-weight.js';

/** In characters, of which each is up to three bytes while it is written. */
const MAX_WAITING_WEIGHT = 16 * 1024 * 1024;

/** As many events are worth a transaction of their own: more of them would not make each one cheaper. */
const WORTH_WRITING = 1_000;

/**
 * Reads on while a batch is being worked on, and hands over all that has come by then: the busier the system, the
 * larger the batches. With a `delay` few events wait for others a moment. It stops reading while `maxBatch` events
 * wait, or long ones.
 *
 * Ends with its source. Events that came before the source failed are handed over first.
 */
export async function* gatheredBatches(
  source: AsyncIterable<readonly StoredEvent[]>,
  maxBatch: number,
  delay?: BatchingDelay,
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
      if (waiting.length >= WORTH_WRITING) delay?.enough();
      while ((waiting.length >= maxBatch || weight >= MAX_WAITING_WEIGHT) && !ended) await changed.promise;
      if (ended) break;
    }
  })().finally(() => {
    ended = true;
    notify();
    delay?.enough();
  });
  // Thrown below, once what came before it is handed over; until then nobody listens to it.
  reading.catch(() => {});

  try {
    for (;;) {
      if (waiting.length > 0 && waiting.length < WORTH_WRITING && !ended) await delay?.pause();
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
