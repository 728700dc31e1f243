import type { LogEvent } from '../../domain/log-event.events.js';
import type { StoredEvent } from '../../log/event-log.port.js';
import type { BatchingDelay } from './batching-delay.js';

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

const ENVELOPE = 500;

/**
 * About how many characters an event holds, so that a batch can be bounded in memory and not only in events: 2,000
 * requests of a mebibyte are too many. Only what clients and models write without a tight limit is looked at.
 */
export function eventWeight({ type, data }: LogEvent): number {
  if (type === 'llmq.message.received.v1') {
    return ENVELOPE + textLength(data.request) + textLength(data.metadata);
  }
  if (type === 'llmq.message.completed.v1') return ENVELOPE + textLength(data.answer);
  if (type === 'llmq.message.content-erased.v1') return ENVELOPE + textLength(data);
  return type.startsWith('llmq.conversation.') || type.startsWith('llmq.erasure.')
    ? ENVELOPE + textLength(data)
    : ENVELOPE;
}

export function textLength(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let length = 0;
  for (const key of Object.keys(value))
    length += key.length + textLength((value as Record<string, unknown>)[key]);
  return length;
}
