import type { StoredEvent } from '../../log/event-log.port.js';
import { gatheredBatches } from './gathered-batches.js';

const stored = (sequence: number) =>
  ({ sequence, event: { type: 'llmq.message.cancelled.v1', data: {} } }) as unknown as StoredEvent;

const batch = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => stored(from + index));

const tick = () => new Promise((resolve) => setImmediate(resolve));

async function sequencesOf(source: AsyncIterable<readonly StoredEvent[]>, maxBatch: number, work = tick) {
  const seen: number[][] = [];
  for await (const events of gatheredBatches(source, maxBatch)) {
    seen.push(events.map(({ sequence }) => sequence));
    await work();
  }
  return seen;
}

it('hands over what has come while the last batch was worked on, in order', async () => {
  async function* source() {
    for (let sequence = 1; sequence <= 20; sequence += 1) yield batch(sequence, sequence);
  }
  const seen = await sequencesOf(source(), 100);
  expect(seen.flat()).toEqual(batch(1, 20).map(({ sequence }) => sequence));
  expect(seen.length).toBeLessThan(20);
});

it('stops reading while a batch waits, so that memory is bounded', async () => {
  let read = 0;
  async function* source() {
    for (; read < 100; read += 1) yield batch(read * 10 + 1, read * 10 + 10);
  }
  const batches = gatheredBatches(source(), 20);
  await batches.next();
  for (let turn = 0; turn < 20; turn += 1) await tick();
  expect(read).toBeLessThan(6);
  await batches.return(undefined);
});

it('hands over what came before a failure, then fails', async () => {
  async function* source() {
    yield batch(1, 3);
    throw new Error('unreadable');
  }
  const seen: number[] = [];
  const reading = (async () => {
    for await (const events of gatheredBatches(source(), 10))
      seen.push(...events.map(({ sequence }) => sequence));
  })();
  await expect(reading).rejects.toThrow('unreadable');
  expect(seen).toEqual([1, 2, 3]);
});

it('closes its source when nobody wants more', async () => {
  let closed = false;
  async function* source() {
    try {
      for (let sequence = 1; ; sequence += 1) {
        yield batch(sequence, sequence);
        await tick();
      }
    } finally {
      closed = true;
    }
  }
  for await (const _ of gatheredBatches(source(), 10)) break;
  for (let turn = 0; turn < 5; turn += 1) await tick();
  expect(closed).toBe(true);
});
