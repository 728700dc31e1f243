import { setTimeout as sleep } from 'node:timers/promises';
import { SCHEDULES_STREAM } from '../../src/broker/streams.js';
import { RetrySchedules } from '../../src/dispatch/lanes/jetstream/retry-schedules.js';
import type { RetrySchedule } from '../../src/dispatch/lanes/lane.port.js';
import type { StoredEvent } from '../../src/log/event-log.port.js';
import { systemSources } from '../../src/platform/clock.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { jetstreamManager } from '../support/jetstream.js';
import { Rig, TRACEPARENT } from './dispatcher.rig.js';

let rig: Rig;
let schedules: RetrySchedules;

beforeAll(async () => {
  rig = await Rig.start();
  schedules = new RetrySchedules(rig.nats, systemSources);
});
afterEach(() => rig.stopWorkers());
afterAll(() => rig?.stop());

/** A message is received, so that its later events are no orphans, and its next attempt is due after a time. */
async function retryOf(afterMs: number, attempt = 2): Promise<RetrySchedule> {
  const messageId = await rig.submit('low');
  const received = await eventually(() => {
    const found = rig.folded.events.find(({ event }) => event.subject === messageId);
    if (found === undefined) throw new Error('not folded yet');
    return found;
  });
  return {
    messageId,
    tenant: 'default',
    traceparent: TRACEPARENT,
    dueAt: new Date(Date.now() + afterMs).toISOString(),
    message: {
      priority: 'low',
      attempt,
      receivedSequence: received.sequence,
      timeoutMs: 1_000,
      maxRetries: 3,
      receivedAt: received.event.time,
    },
  };
}

function requeued({ messageId }: RetrySchedule): StoredEvent[] {
  return rig.folded.events
    .filter(({ event }) => event.subject === messageId && event.type === 'llmq.message.prioritized.v1')
    .slice(1);
}

async function becomesDue(retry: RetrySchedule): Promise<StoredEvent> {
  return eventually(
    () => {
      const [first] = requeued(retry);
      if (first === undefined) throw new Error(`${retry.messageId} is not back in its lane`);
      return first;
    },
    { withinMs: 180_000, everyMs: 100 },
  );
}

async function storedSchedules(): Promise<number> {
  return (await (await jetstreamManager(rig.nats)).streams.info(SCHEDULES_STREAM)).state.messages;
}

describe('a schedule', () => {
  it('puts its message back into its lane when its time has come, and nothing of it is left', async () => {
    await rig.startRelay();
    const retry = await retryOf(600);
    await schedules.set(retry);
    const { event } = await becomesDue(retry);
    expect(event).toMatchObject({
      tenant: 'default',
      lane: 'low',
      traceparent: TRACEPARENT,
      data: {
        priority: 'low',
        reason: 'retry',
        attempt: 2,
        received_sequence: retry.message.receivedSequence,
        received_at: retry.message.receivedAt,
      },
    });
    expect(Date.parse(event.time)).toBeGreaterThanOrEqual(Date.parse(retry.dueAt));
    await eventually(async () => expect(await storedSchedules()).toBe(0));
  });

  it('is due at once when its time is past', async () => {
    await rig.startRelay();
    const retry = await retryOf(-60_000);
    await schedules.set(retry);
    await becomesDue(retry);
  });

  it('takes the place of an earlier one of the same message', async () => {
    await rig.startRelay();
    // The earlier one must not come due before it is replaced.
    await inOneOf(5, async () => {
      const late = await retryOf(6_000);
      await schedules.set(late);
      await schedules.set({ ...late, dueAt: new Date(Date.now() + 100).toISOString() });
      const { event } = await becomesDue(late);
      expect(Date.parse(event.time)).toBeLessThan(Date.parse(late.dueAt));
      await sleep(Math.max(0, Date.parse(late.dueAt) - Date.now()) + 500);
      expect(requeued(late)).toHaveLength(1);
    });
  });

  it('set again for an attempt that is in its lane already, does not put it there twice', async () => {
    await rig.startRelay();
    const retry = await retryOf(0);
    await schedules.set(retry);
    await becomesDue(retry);
    await schedules.set(retry);
    await eventually(async () => expect(await storedSchedules()).toBe(0));
    await rig.folded.waitFor(await rig.log.lastSequence(), 60_000);
    expect(requeued(retry)).toHaveLength(1);
  });

  it('survives the death of the broker, before and after its time, and waits for a relay', async () => {
    const [past, future] = [await retryOf(300), await retryOf(2_500)];
    await schedules.set(past);
    await schedules.set(future);
    await rig.server.kill();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await rig.server.restart();
    await eventually(async () => expect(await storedSchedules()).toBe(2));
    await rig.startRelay();
    await becomesDue(past);
    const { event } = await becomesDue(future);
    expect(Date.parse(event.time)).toBeGreaterThanOrEqual(Date.parse(future.dueAt));
    expect([requeued(past).length, requeued(future).length]).toEqual([1, 1]);
  });

  it('of a foreign hand that nobody can read, does not stop those behind it', async () => {
    await rig.startRelay();
    rig.nats.publish('llmq.due.low', 'not a due message');
    const retry = await retryOf(0);
    await schedules.set(retry);
    await becomesDue(retry);
    await eventually(async () => expect(await storedSchedules()).toBe(0));
  });

  it('is kept by the hundred, each due in its time', async () => {
    await rig.startRelay();
    const retries = await Promise.all(Array.from({ length: 300 }, (_, index) => retryOf(500 + index * 3)));
    await Promise.all(retries.map((retry) => schedules.set(retry)));
    const back = await Promise.all(retries.map(becomesDue));
    back.forEach(({ event }, index) => {
      expect(Date.parse(event.time)).toBeGreaterThanOrEqual(Date.parse(retries[index]!.dueAt));
    });
    expect(new Set(back.map(({ event }) => event.subject)).size).toBe(300);
  });
});
