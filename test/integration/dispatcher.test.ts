import { setTimeout as sleep } from 'node:timers/promises';
import { InProcessAnswers } from '../../src/dispatch/answers/nats/in-process-answers.js';
import { NatsAnswerListener } from '../../src/dispatch/answers/nats/nats-answer-listener.js';
import { WantedPieces } from '../../src/dispatch/answers/nats/wanted-pieces.js';
import { ModelCallError } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import type { LaneDelivery, Lanes, ModelQueue, ServedModels } from '../../src/dispatch/lanes/lane.port.js';
import { complete } from '../../src/domain/message/complete.decision.js';
import type {
  MessageEvent,
  MessageEventOf,
  MessageEventType,
  MessagePrioritized,
} from '../../src/domain/message/message.events.js';
import { systemSources } from '../../src/platform/clock.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import {
  type Answering,
  after,
  atOnce,
  gated,
  LARGE_CONTENT,
  never,
  Rig,
  TestEndpoint,
  TRACEPARENT,
} from './dispatcher.rig.js';

const COMPLETED = ['received', 'prioritized', 'dispatched', 'completed'];

/** A short time until the broker gives what a dead worker held to another. */
const SOON_TAKEN_OVER = { ackWaitMs: 2_000 };

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
});
afterEach(() => rig.stopWorkers());
afterAll(() => rig?.stop());

function failing(retryable: boolean, code = 'overloaded'): Answering {
  return async () => {
    throw new ModelCallError({ code, message: 'It did not work.', retryable, status: 503 });
  };
}

function only<T extends MessageEventType>(id: string, type: T): MessageEventOf<T> {
  const found = rig.folded.eventsOf(id).filter((event: MessageEvent) => event.type === type);
  expect(found).toHaveLength(1);
  return found[0] as MessageEventOf<T>;
}

/** Listens for the notice of a message's end, which must not be given before: the broker knows of it when this resolves. */
async function listeningFor(id: string): Promise<() => Promise<number | undefined>> {
  const listener = new NatsAnswerListener(rig.nats, new InProcessAnswers(), new WantedPieces(rig.nats));
  const signal = AbortSignal.timeout(120_000);
  const notice = listener.completion(id, { signal, onUncertain: () => {} });
  await rig.nats.flush();
  return async () => {
    const sequence = (await notice)?.sequence;
    listener.close();
    return sequence;
  };
}

describe('a message on its way', () => {
  it('is called, answered, announced and off its lane', async () => {
    const endpoint = new TestEndpoint(after(30));
    const id = await rig.submit('high', { content: 'ping' });
    const told = await listeningFor(id);
    await rig.startWorker({ endpoints: [endpoint] });
    const announced = await told();
    await rig.history(id, COMPLETED);
    await rig.lanesEmpty();
    expect(endpoint.calls).toMatchObject([
      {
        messageId: id,
        request: { content: 'ping' },
        model: 'model',
        timeoutMs: 60_000,
        traceparent: TRACEPARENT,
      },
    ]);
    const { data } = only(id, 'llmq.message.completed.v1');
    expect(data).toMatchObject({
      attempt: 1,
      delivery: 1,
      answer: { role: 'assistant', content: 're: ping' },
      finish_reason: 'stop',
      endpoint: 'test',
      model: 'model',
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    });
    expect(data.total_ms).toBeGreaterThanOrEqual(data.queue_ms + 25);
    const state = await rig.folded.state(id);
    expect(state).toMatchObject({ status: 'completed', attempts: 1, terminalSequence: announced });
    expect(rig.folded.eventsOf(id).map(({ traceparent }) => traceparent)).toEqual(Array(4).fill(TRACEPARENT));
  });

  it('streams its pieces while the call runs', async () => {
    const endpoint = new TestEndpoint(async (call, count) => {
      for (const content of ['a', 'b', 'c']) call.onDelta({ content });
      return after(50)(call, count);
    });
    const listener = new NatsAnswerListener(rig.nats, new InProcessAnswers(), new WantedPieces(rig.nats));
    const over = new AbortController();
    const id = await rig.submit('high', { stream: true });
    const pieces = listener.chunks(id, over.signal)[Symbol.asyncIterator]();
    await rig.nats.flush();
    await rig.startWorker({ endpoints: [endpoint] });
    const seen = [(await pieces.next()).value, (await pieces.next()).value, (await pieces.next()).value];
    expect(seen.map(({ seq, attempt, delta }) => [seq, attempt, delta.content])).toEqual([
      [1, 1, 'a'],
      [2, 1, 'b'],
      [3, 1, 'c'],
    ]);
    over.abort();
    listener.close();
    await rig.history(id, COMPLETED);
  });

  it('streams at every attempt, and sends no pieces of a message whose client did not ask for them', async () => {
    await rig.startRelay();
    const called = new Set<string>();
    const endpoint = new TestEndpoint(async (call, count) => {
      if (called.has(call.messageId)) return atOnce(call, count);
      called.add(call.messageId);
      call.onDelta({ content: 'lost' });
      return failing(true)(call, count);
    });
    const sent: { subject: string; attempt: number }[] = [];
    const subscription = rig.nats.subscribe('llmq.chunks.*', {
      callback: (_, message) => {
        sent.push({ subject: message.subject, attempt: message.json<{ attempt: number }>().attempt });
      },
    });
    const [whole, streamed] = [await rig.submit('high'), await rig.submit('high', { stream: true })];
    await rig.nats.flush();
    await rig.startWorker({ endpoints: [endpoint] });
    const retried = ['received', 'prioritized', 'dispatched', 'attempt-failed', 'scheduled'];
    for (const id of [whole, streamed]) await rig.history(id, [...retried, ...COMPLETED.slice(1)]);
    const subject = `llmq.chunks.${streamed}`;
    await eventually(() => expect(sent).toEqual([1, 2].map((attempt) => ({ subject, attempt }))));
    subscription.unsubscribe();
  });

  it('has its large request read from the log', async () => {
    const endpoint = new TestEndpoint(atOnce);
    await rig.startWorker({ endpoints: [endpoint] });
    const id = await rig.submit('normal', { content: LARGE_CONTENT });
    await rig.history(id, COMPLETED);
    expect(endpoint.asked).toEqual([LARGE_CONTENT]);
  });

  it('waits in its lane until those of higher lanes have gone', async () => {
    // A lane that the broker is slow to answer for counts as empty for that moment.
    await inOneOf(
      3,
      async () => {
        const { answering, open } = gated();
        const endpoint = new TestEndpoint(answering);
        const { worker } = await rig.startWorker({
          endpoints: [endpoint],
          concurrency: 1,
          ackWaitMs: 60_000,
        });
        await rig.submit('low', { content: 'first' });
        await eventually(() => expect(endpoint.running).toBe(1));
        for (const lane of ['low', 'low', 'normal', 'high', 'realtime'] as const) {
          await rig.submit(lane, { content: lane });
        }
        await eventually(() =>
          expect(worker.status.ready).toEqual({ realtime: 0, high: 0, normal: 0, low: 0 }),
        );
        open();
        await eventually(() => expect(endpoint.asked).toHaveLength(6));
        expect(endpoint.asked).toEqual(['first', 'realtime', 'high', 'normal', 'low', 'low']);
        await rig.lanesEmpty();
      },
      () => rig.stopWorkers(),
    );
  });
});

describe('a failed attempt', () => {
  it('is tried again after its backoff, and completes', async () => {
    await rig.startRelay();
    const endpoint = new TestEndpoint((call, count) =>
      count < 3 ? failing(true)(call, count) : atOnce(call, count),
    );
    await rig.startWorker({ endpoints: [endpoint] });
    const id = await rig.submit('normal', { content: 'again' });
    await rig.history(id, [
      ...['received', 'prioritized'],
      ...['dispatched', 'attempt-failed', 'scheduled', 'prioritized'],
      ...['dispatched', 'attempt-failed', 'scheduled', 'prioritized'],
      ...['dispatched', 'completed'],
    ]);
    expect(endpoint.asked).toEqual(['again', 'again', 'again']);
    await rig.lanesEmpty();
    const events = rig.folded.eventsOf(id);
    const scheduled = events.filter((event) => event.type === 'llmq.message.scheduled.v1');
    const requeued = events.filter((event) => event.type === 'llmq.message.prioritized.v1').slice(1);
    requeued.forEach((event, index) => {
      expect(Date.parse(event.time)).toBeGreaterThanOrEqual(Date.parse(scheduled[index]!.data.due_at));
      expect(event.data).toMatchObject({ reason: 'retry', attempt: index + 2, priority: 'normal' });
      expect(event.traceparent).toBe(TRACEPARENT);
    });
    expect(await rig.folded.state(id)).toMatchObject({
      status: 'completed',
      attempts: 3,
      priorityReason: 'explicit',
    });
  });

  it('is the last one when the retries are used up', async () => {
    await rig.startRelay();
    const id = await rig.submit('high', { max_retries: 1 });
    const told = await listeningFor(id);
    await rig.startWorker({ endpoints: [new TestEndpoint(failing(true))] });
    const announced = await told();
    await rig.history(id, [
      ...['received', 'prioritized', 'dispatched', 'attempt-failed', 'scheduled'],
      ...['prioritized', 'dispatched', 'attempt-failed', 'dead-lettered'],
    ]);
    expect(only(id, 'llmq.message.dead-lettered.v1').data).toMatchObject({
      reason: 'retries_exhausted',
      attempt: 2,
      error: { code: 'overloaded' },
    });
    expect(await rig.folded.state(id)).toMatchObject({ status: 'failed', terminalSequence: announced });
    await rig.lanesEmpty();
  });

  it('is the last one when trying again can not help', async () => {
    await rig.startWorker({ endpoints: [new TestEndpoint(failing(false, 'bad_request'))] });
    const id = await rig.submit('high');
    await rig.history(id, ['received', 'prioritized', 'dispatched', 'attempt-failed', 'dead-lettered']);
    expect(only(id, 'llmq.message.dead-lettered.v1').data.reason).toBe('not_retryable');
    await rig.lanesEmpty();
  });

  it('is none where no endpoint serves the model: the message waits for one that does', async () => {
    const endpoint = new TestEndpoint(atOnce);
    const { registry } = await rig.startWorker({ endpoints: [endpoint] });
    const id = await rig.submit('high', { model: 'another', max_retries: 0 });
    await rig.history(await rig.submit('low'), COMPLETED);
    expect(rig.folded.historyOf(id)).toEqual(['received', 'prioritized']);
    registry.add(new TestEndpoint(atOnce, 'other', ['another']));
    await rig.history(id, COMPLETED);
    expect(endpoint.calls).toHaveLength(1);
  });
});

describe('a worker that dies', () => {
  it('leaves its call to another, and the message has one terminal event that counts', async () => {
    const doomed = new TestEndpoint(never);
    const dead = await rig.startWorker({ endpoints: [doomed], ...SOON_TAKEN_OVER });
    const id = await rig.submit('high');
    await rig.history(id, ['received', 'prioritized', 'dispatched']);
    await eventually(() => expect(doomed.calls).toHaveLength(1));
    await dead.crash();
    await rig.startWorker({ endpoints: [new TestEndpoint(atOnce)], ...SOON_TAKEN_OVER });
    await rig.history(id, ['received', 'prioritized', 'dispatched', 'dispatched', 'completed']);
    expect(only(id, 'llmq.message.completed.v1').data).toMatchObject({ attempt: 1, delivery: 2 });
    expect(await rig.folded.state(id)).toMatchObject({ status: 'completed', attempts: 2 });
    await rig.lanesEmpty();
  });

  it('after its answer was stored, costs no second call, and who waits is told', async () => {
    const endpoint = new TestEndpoint(atOnce);
    const dead = await rig.startWorker({
      ...{ endpoints: [endpoint], broken: withLostAcks, ...SOON_TAKEN_OVER },
    });
    const id = await rig.submit('high');
    await rig.history(id, COMPLETED);
    await dead.crash();
    const told = await listeningFor(id);
    const { worker } = await rig.startWorker({ endpoints: [endpoint], ...SOON_TAKEN_OVER });
    expect(await told()).toBe((await rig.folded.state(id))?.terminalSequence);
    await rig.lanesEmpty();
    expect(endpoint.calls).toHaveLength(1);
    expect(worker.status.counters).toMatchObject({ completed: 0, alreadyKnown: 1 });
    expect(rig.folded.historyOf(id)).toEqual(COMPLETED);
  });

  it('between the failure and its schedule, loses no retry', async () => {
    await rig.startRelay();
    const dead = await rig.startWorker({
      endpoints: [new TestEndpoint(failing(true))],
      broken: () => ({ schedules: { set: () => new Promise(() => {}) } }),
      ...SOON_TAKEN_OVER,
    });
    const id = await rig.submit('high');
    await rig.history(id, ['received', 'prioritized', 'dispatched', 'attempt-failed', 'scheduled']);
    await dead.crash();
    await rig.startWorker({ endpoints: [new TestEndpoint(atOnce)], ...SOON_TAKEN_OVER });
    await rig.history(id, [
      ...['received', 'prioritized', 'dispatched', 'attempt-failed', 'scheduled'],
      ...['prioritized', 'dispatched', 'completed'],
    ]);
    await rig.lanesEmpty();
  });

  it('over the same message again and again, makes it poison', async () => {
    const options = { maxLostCalls: 2, ...SOON_TAKEN_OVER };
    const id = await rig.submit('high');
    for (const call of [1, 2]) {
      const doomed = new TestEndpoint(never);
      const dead = await rig.startWorker({ endpoints: [doomed], ...options });
      await eventually(() => expect(doomed.calls).toHaveLength(1));
      // Only what is in the log counts: a call begins before its dispatch is stored.
      await eventually(async () => expect((await rig.folded.state(id))?.openAttempts).toBe(call));
      await dead.crash();
    }
    const endpoint = new TestEndpoint(atOnce);
    await rig.startWorker({ endpoints: [endpoint], ...options });
    await rig.history(id, ['received', 'prioritized', 'dispatched', 'dispatched', 'dead-lettered']);
    expect(only(id, 'llmq.message.dead-lettered.v1').data.reason).toBe('lost_workers');
    expect(endpoint.calls).toHaveLength(0);
    await rig.lanesEmpty();
  });
});

describe('a worker that stood still for longer than its deadline', () => {
  it('does not begin with a turn that another has ended, though it was handed to it first', async () => {
    const endpoint = new TestEndpoint(atOnce);
    let submitted: Promise<string> | null = null;
    // What happens while it stands still, between its look at the turns before and its call.
    const turns = async (): Promise<never[]> => {
      const messageId = await submitted!;
      const prioritized = await eventually(() => {
        const [, found] = rig.folded.eventsOf(messageId);
        expect(found).toBeDefined();
        return found as MessagePrioritized;
      });
      const now = new Date().toISOString();
      const context = { messageId, tenant: prioritized.tenant, lane: prioritized.lane, now };
      const completed = complete({ ...context, newId: systemSources.newId }, prioritized, {
        ...{ answer: { role: 'assistant', content: 'of another' }, finishReason: 'stop', model: 'model' },
        ...{ usage: null, firstTokenMs: null, calledAt: now, delivery: 2, endpoint: 'test' },
      });
      await rig.log.append([completed]);
      return [];
    };
    const conversations = { find: async () => null, placeOf: async () => null, turns };
    await rig.startWorker({ endpoints: [endpoint], broken: () => ({ conversations }) });
    // Younger than the worker: one that was in the lane before it is looked up in any case.
    submitted = rig.submit('high', { conversation_id: 'one' });
    const id = await submitted;
    await rig.history(id, ['received', 'prioritized', 'completed', 'dispatched']);
    await rig.lanesEmpty();
    expect(endpoint.calls).toHaveLength(0);
  });
});

describe('a worker in trouble', () => {
  it('answers every message over the death and return of the broker', async () => {
    await rig.startRelay();
    const endpoint = new TestEndpoint(after(20));
    // What the broker was told of in its last moments comes again after this.
    const soon = { ackWaitMs: 10_000 };
    await rig.startWorker({ endpoints: [endpoint], concurrency: 16, prefetch: 32, ...soon });
    const early = await Promise.all(Array.from({ length: 200 }, () => rig.submit('normal')));
    await eventually(() => expect(endpoint.calls.length).toBeGreaterThan(40));
    await rig.server.kill();
    await rig.server.restart();
    const late = await Promise.all(Array.from({ length: 50 }, () => rig.submit('high')));
    await eventually(
      async () => {
        for (const id of [...early, ...late]) {
          expect(await rig.folded.state(id)).toMatchObject({ status: 'completed' });
        }
      },
      { withinMs: 150_000, everyMs: 100 },
    );
    await rig.lanesEmpty();
    // Acks that died with the broker bring messages again; what they ask first keeps them from being called again.
    const terminals = [...early, ...late].map(
      (id) => rig.folded.historyOf(id).filter((name) => name === 'completed').length,
    );
    expect(Math.max(...terminals)).toBe(1);
  });

  it('keeps an answer for as long as the log is away, instead of asking for another', async () => {
    const { answering, open: answer } = gated();
    const endpoint = new TestEndpoint(answering);
    const { worker } = await rig.startWorker({
      endpoints: [endpoint],
      appendTimeoutMs: 500,
      ackWaitMs: 60_000,
    });
    const id = await rig.submit('high');
    await eventually(() => expect(endpoint.running).toBe(1));
    await rig.server.kill();
    answer();
    // Many times what one append may take.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await rig.server.restart();
    await rig.history(id, COMPLETED);
    await rig.lanesEmpty();
    expect(endpoint.calls).toHaveLength(1);
    await eventually(() => expect(worker.status.counters).toMatchObject({ completed: 1, workerErrors: 0 }));
  });

  it('goes on after a bug, and keeps the message', async () => {
    let met = false;
    const endpoint = new TestEndpoint(async (call, count) => {
      if (met || call.request.content !== 'bug') return atOnce(call, count);
      met = true;
      throw new TypeError('undefined is not a function');
    });
    const { worker } = await rig.startWorker({ endpoints: [endpoint] });
    const id = await rig.submit('high', { content: 'bug' });
    const others = await Promise.all([1, 2, 3].map(() => rig.submit('low')));
    for (const other of others) await rig.history(other, COMPLETED);
    await rig.history(id, ['received', 'prioritized', 'dispatched', 'dispatched', 'completed']);
    await eventually(() =>
      expect(worker.status.counters).toMatchObject({ workerErrors: 1, handedBack: 1, completed: 4 }),
    );
  });

  it('serves other models while all places of one are taken', async () => {
    const stuck = new TestEndpoint(never, 'stuck', ['stuck'], 1);
    const free = new TestEndpoint(atOnce, 'free', ['free'], 1);
    const { worker } = await rig.startWorker({ endpoints: [stuck, free], concurrency: 4 });
    for (let index = 0; index < 25; index += 1) await rig.submit('normal', { model: 'stuck' });
    const id = await rig.submit('normal', { model: 'free' });
    await rig.history(id, COMPLETED);
    await eventually(() => {
      expect(stuck.calls).toHaveLength(1);
      expect(worker.status).toMatchObject({ running: 1, models: ['stuck', 'free'], busyModels: ['stuck'] });
    });
    await worker.stop(500);
    await rig.startWorker({ endpoints: [new TestEndpoint(atOnce, 'stuck', ['stuck'])] });
    await rig.lanesEmpty();
  });

  it('keeps a place at the endpoint for a realtime message, whatever waits below', async () => {
    const endpoint = new TestEndpoint(
      (call, count) => (call.request.content === 'urgent' ? atOnce(call, count) : never(call, count)),
      'test',
      ['model'],
      4,
    );
    const { worker } = await rig.startWorker({ endpoints: [endpoint], concurrency: 16 });
    for (let index = 0; index < 10; index += 1) await rig.submit('low');
    await eventually(() => expect(endpoint.running).toBe(3));
    const id = await rig.submit('realtime', { content: 'urgent' });
    await rig.history(id, COMPLETED);
    expect(endpoint.running).toBe(3);
    await worker.stop(500);
    await rig.startWorker({ endpoints: [new TestEndpoint(atOnce)] });
    await rig.lanesEmpty();
  });

  it('takes no message off a lane that it has no place for', async () => {
    const endpoint = new TestEndpoint(never, 'test', ['model'], 1);
    const { worker } = await rig.startWorker({ endpoints: [endpoint], concurrency: 8, prefetch: 4 });
    for (let index = 0; index < 10; index += 1) await rig.submit('low');
    await eventually(() => expect(endpoint.running).toBe(1));
    // One is called; all others stay with the broker, where whoever has a place finds them.
    await eventually(async () => expect(await rig.taken()).toBe(1));
    await sleep(300);
    expect([await rig.taken(), worker.status.running, worker.status.ready.low]).toEqual([1, 1, 0]);
    await worker.stop(500);
    await rig.startWorker({ endpoints: [new TestEndpoint(atOnce)] });
    await rig.lanesEmpty();
  });
});

describe('a worker that stops', () => {
  it('finishes what runs, takes no more, and hands the rest back at once', async () => {
    const { answering, open: answer } = gated();
    const endpoint = new TestEndpoint(answering);
    // Much longer than this test waits: what is held is not found by another, unless it is handed back.
    const options = { concurrency: 2, prefetch: 8, ackWaitMs: 300_000 };
    const { worker } = await rig.startWorker({ endpoints: [endpoint], ...options });
    const ids = await Promise.all(Array.from({ length: 12 }, () => rig.submit('high')));
    await eventually(() => expect(endpoint.running).toBe(2));
    const stopped = worker.stop(60_000);
    answer();
    await stopped;
    expect([endpoint.calls.length, endpoint.running]).toEqual([2, 0]);
    expect(worker.status.counters.completed).toBe(2);
    const other = new TestEndpoint(atOnce);
    await rig.startWorker({ endpoints: [other], ...options });
    await rig.lanesEmpty();
    expect(other.calls).toHaveLength(10);
    for (const id of ids) await rig.history(id, COMPLETED);
  });

  it('hands a call back that does not end in time, without counting it as failed', async () => {
    const endpoint = new TestEndpoint(never);
    const { worker } = await rig.startWorker({ endpoints: [endpoint], ackWaitMs: 300_000 });
    const id = await rig.submit('high');
    await eventually(() => expect(endpoint.running).toBe(1));
    const began = performance.now();
    await worker.stop(1_000);
    // The call would never end, and its ack deadline is far.
    expect(performance.now() - began).toBeLessThan(100_000);
    expect(endpoint.running).toBe(0);
    await rig.startWorker({ endpoints: [new TestEndpoint(atOnce)], ackWaitMs: 300_000 });
    await rig.history(id, ['received', 'prioritized', 'dispatched', 'dispatched', 'completed']);
    await rig.lanesEmpty();
  });
});

/** Acks that never arrive, as of a worker that dies right before them. */
function withLostAcks(around: { readonly lanes: Lanes }) {
  const { lanes } = around;
  const unheard = (delivery: LaneDelivery): LaneDelivery => ({
    lane: delivery.lane,
    sequence: delivery.sequence,
    event: delivery.event,
    request: delivery.request,
    userId: null,
    conversationId: delivery.conversationId,
    streamed: delivery.streamed,
    delivery: delivery.delivery,
    inDoubtUpTo: delivery.inDoubtUpTo,
    get isLost() {
      return delivery.isLost;
    },
    ack: () => {},
    handBack: (delayMs) => delivery.handBack(delayMs),
    putBack: () => delivery.putBack(),
  });
  const withUnheard = (queue: ModelQueue): ModelQueue => ({
    model: queue.model,
    view: (lane) => queue.view(lane),
    head: (lane) => queue.head(lane),
    take: (lane) => {
      const delivery = queue.take(lane);
      return delivery && unheard(delivery);
    },
    want: (lane, count) => queue.want(lane, count),
    putBackAfter: (ms) => queue.putBackAfter(ms),
  });
  return {
    lanes: {
      start: (models: ServedModels, onChange: () => void) => lanes.start(models, onChange),
      serve: (models: ServedModels) => lanes.serve(models),
      get queues() {
        return lanes.queues.map(withUnheard);
      },
      stopTaking: () => lanes.stopTaking(),
      repliesHeld: (forMs: number) => lanes.repliesHeld(forMs),
      lose: (replies: ReadonlySet<string>) => lanes.lose(replies),
      close: () => lanes.close(),
    },
  };
}
