import { ModelCallError } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import { cancel } from '../../src/domain/message/cancel.decision.js';
import type { ModelRequest, NotNowReason } from '../../src/domain/message/message.events.js';
import type { EventLog } from '../../src/log/event-log.port.js';
import { systemSources } from '../../src/platform/clock.js';
import { eventually } from '../support/eventually.js';
import { type Answering, atOnce, never, Rig, type Surroundings, TestEndpoint } from './dispatcher.rig.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
});
afterEach(() => rig.stopWorkers());
afterAll(() => rig?.stop());

const BEGUN = ['received', 'prioritized', 'dispatched'];

/** Refuses the first calls, and is taken at its word of how long it asks to wait. */
function notNow(times: number, reason: NotNowReason = 'rate_limited'): Answering {
  return async (call, count) => {
    if (count > times) return atOnce(call, count);
    const error = { code: reason, message: 'Not now.', retryable: true, status: 429 };
    throw new ModelCallError(error, { notNow: reason, retryAfterMs: 200 });
  };
}

function failing(code: string, { retryable = true, status = 500 } = {}): Answering {
  return async () => {
    throw new ModelCallError({ code, message: `It failed: ${code}.`, retryable, status });
  };
}

const asking = (model: string, routing: ModelRequest['routing'] = {}) => ({
  request: { content: 'hello', model, parameters: {}, routing },
});

describe('a call that is not taken', () => {
  it('counts no attempt, and its message is called again when the endpoint takes it', async () => {
    const endpoint = new TestEndpoint(notNow(2));
    const { worker } = await rig.startWorker({ endpoints: [endpoint] });
    const id = await rig.submit('high', { max_retries: 0 });
    await rig.history(id, [...BEGUN, 'deferred', 'dispatched', 'deferred', 'dispatched', 'completed']);
    expect(await rig.folded.state(id)).toMatchObject({ status: 'completed', attempts: 1, error: null });
    await rig.lanesEmpty();
    await eventually(() =>
      expect(worker.status.counters).toMatchObject({ deferred: 2, failedAttempts: 0, completed: 1 }),
    );
  });

  it('is told with its reason while it waits, and ends by a cancel', async () => {
    await rig.startWorker({ endpoints: [new TestEndpoint(notNow(Number.POSITIVE_INFINITY))] });
    const id = await rig.submit('high');
    await eventually(async () => {
      expect(await rig.folded.state(id)).toMatchObject({
        ...{ status: 'pending', attempts: 0, startedAt: null },
        error: { code: 'rate_limited', status: 429, retry_after_ms: 200 },
      });
    });
    await cancelled(id);
    await rig.lanesEmpty();
  });

  it("ends by its deadline with the endpoint's own words of why", async () => {
    const remote = {
      status: 402,
      code: 'insufficient_quota',
      type: 'their_type',
      param: 'model',
      message: 'No more.',
    };
    const endpoint = new TestEndpoint(async () => {
      const error = { code: 'quota_exceeded', message: 'No more.', retryable: true, status: 402 };
      throw new ModelCallError(error, { notNow: 'quota_exceeded', retryAfterMs: 200, remote });
    });
    let aheadMs = 0;
    const sources = { ...systemSources, nowMs: () => systemSources.nowMs() + aheadMs };
    await rig.startWorker({ endpoints: [endpoint], broken: () => ({ sources }) });
    const deadline = new Date(Date.now() + 3_600_000).toISOString();
    const id = await rig.submit('high', { deadline });
    await eventually(() => expect(rig.folded.historyOf(id)).toContain('deferred'));
    aheadMs = 2 * 3_600_000;
    await eventually(() => expect(rig.folded.historyOf(id)).toContain('expired'));
    expect(rig.folded.eventsOf(id).at(-1)!.data).toMatchObject({
      // It was called, and not taken.
      reason: expect.stringContaining('before an endpoint took'),
      error: { code: 'quota_exceeded', status: 402, remote },
    });
  });

  it('is not lost, nor counted as a lost call, where its worker dies before it gave the message back', async () => {
    const endpoint = new TestEndpoint(notNow(1));
    let crash = async () => {};
    const doomed = await rig.startWorker({
      ...{ endpoints: [endpoint], ackWaitMs: 2_000 },
      broken: (around) => ({ log: dyingAfterDeferral(around, () => crash()) }),
    });
    crash = doomed.crash;
    const id = await rig.submit('high');
    await rig.history(id, [...BEGUN, 'deferred']);
    await rig.startWorker({ endpoints: [endpoint], maxLostCalls: 1, ackWaitMs: 2_000 });
    await rig.history(id, [...BEGUN, 'deferred', 'dispatched', 'completed']);
    expect(await rig.folded.state(id)).toMatchObject({ status: 'completed', attempts: 1 });
    await rig.lanesEmpty();
  });
});

describe('a call that is never sent', () => {
  it('says nothing about its endpoint', async () => {
    const unsent: Answering = async (call, count) => {
      if (count > 1) return atOnce(call, count);
      const error = { code: 'endpoint_rejected', message: 'No words for it.', retryable: false, status: 400 };
      throw new ModelCallError(error, { unsent: true });
    };
    const { registry } = await rig.startWorker({ endpoints: [new TestEndpoint(unsent)] });
    const signs: (string | undefined)[] = [];
    registry.events.on('ended', ({ sign }) => signs.push(sign?.kind));
    for (const end of ['dead-lettered', 'completed']) {
      const id = await rig.submit('high');
      await eventually(() => expect(rig.folded.historyOf(id).at(-1)).toBe(end));
    }
    await eventually(() => expect(signs).toEqual([undefined, 'answered']));
  });
});

describe('a call that fails', () => {
  it('goes on at another endpoint of its model, within the attempt', async () => {
    const broken = new TestEndpoint(failing('endpoint_error'), 'broken', ['m']);
    const sound = new TestEndpoint(atOnce, 'sound', ['m']);
    await rig.startWorker({ endpoints: [broken, sound] });
    const ids = await Promise.all([1, 2].map(() => rig.submit('high', asking('m'))));
    for (const id of ids) {
      await eventually(async () => {
        expect(await rig.folded.state(id)).toMatchObject({ status: 'completed', attempts: 1 });
      });
    }
    const moved = ids.filter((id) => rig.folded.historyOf(id).includes('rerouted'));
    expect(moved).toHaveLength(broken.calls.length);
    expect(rig.folded.historyOf(moved[0]!)).toEqual([...BEGUN, 'rerouted', 'completed']);
  });

  it('goes on with the models that stand in, and tells the failure of its own where they fail too', async () => {
    await rig.startWorker({
      endpoints: [
        new TestEndpoint(failing('endpoint_error'), 'own', ['m']),
        new TestEndpoint(failing('endpoint_rejected', { retryable: false, status: 400 }), 'other', ['n']),
      ],
    });
    const id = await rig.submit('high', { ...asking('m', { fallbacks: ['n'] }), max_retries: 0 });
    await rig.history(id, [...BEGUN, 'rerouted', 'attempt-failed', 'dead-lettered']);
    const [failed] = rig.folded.eventsOf(id).slice(-2);
    expect(failed?.data).toMatchObject({ attempt: 1, endpoint: 'own', error: { code: 'endpoint_error' } });
  });

  it('moves no more often than it may', async () => {
    const names = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
    const endpoints = ['m', ...names].map(
      (name) => new TestEndpoint(failing('endpoint_error'), `at-${name}`, [name]),
    );
    await rig.startWorker({ endpoints });
    const id = await rig.submit('high', { ...asking('m', { fallbacks: names }), max_retries: 0 });
    await rig.history(id, [
      ...[...BEGUN, 'rerouted', 'rerouted', 'rerouted'],
      ...['attempt-failed', 'dead-lettered'],
    ]);
  });

  it('ends with a cancel at the endpoint that it moved to', async () => {
    const own = new TestEndpoint(failing('endpoint_error'), 'own', ['m']);
    const other = new TestEndpoint(never, 'other', ['n']);
    await rig.startWorker({ endpoints: [own, other] });
    const id = await rig.submit('high', asking('m', { fallbacks: ['n'] }));
    await eventually(() => expect(other.running).toBe(1));
    await cancelled(id);
    await eventually(() => expect(other.running).toBe(0));
    await rig.lanesEmpty();
    expect(rig.folded.historyOf(id)).not.toContain('attempt-failed');
  });

  it('waits for nobody: the model that stands in is asked only where it has a free place', async () => {
    const own = new TestEndpoint(failing('endpoint_error'), 'own', ['m']);
    const full = new TestEndpoint(never, 'full', ['n'], 1);
    await rig.startWorker({ endpoints: [own, full] });
    await rig.submit('high', asking('n'));
    await eventually(() => expect(full.running).toBe(1));
    const id = await rig.submit('high', { ...asking('m', { fallbacks: ['n'] }), max_retries: 0 });
    await rig.history(id, [...BEGUN, 'attempt-failed', 'dead-lettered']);
  });
});

describe('a model that is down', () => {
  it('is stood in for at the first call', async () => {
    const own = new TestEndpoint(notNow(Number.POSITIVE_INFINITY, 'refused_connection'), 'own', ['m']);
    const { registry } = await rig.startWorker({
      endpoints: [own, new TestEndpoint(atOnce, 'other', ['n'])],
    });
    registry.drain('own');
    const id = await rig.submit('high', asking('m', { fallbacks: ['n'] }));
    await rig.history(id, [...BEGUN, 'completed']);
    const completed = rig.folded.eventsOf(id).at(-1);
    expect(completed?.data).toMatchObject({ endpoint: 'other', model: 'n' });
    expect(own.calls).toHaveLength(0);
  });
});

describe('the model of an answer', () => {
  const upstreams = { alias: 'maker/real:7b', spare: 'maker/spare:3b' };
  const exactly: Answering = async (call, count) => ({
    ...(await atOnce(call, count)),
    model: `${call.model}-2026-01-01`,
  });

  it.each([
    ['the wanted one', 'alias', atOnce, undefined, 'alias'],
    ['the one that is there by default', undefined, atOnce, 'alias', 'alias'],
    ['one that stands in', 'down', atOnce, 'spare', 'spare'],
    ['one with a longer name at its endpoint', 'spare', exactly, undefined, 'spare'],
  ])('is told by the name that clients ask for: %s', async (_, model, answering, piece, told) => {
    const said: (string | undefined)[] = [];
    const endpoint = new TestEndpoint(answering, 'own', ['alias', 'spare']);
    const broken = new TestEndpoint(failing('endpoint_error'), 'broken', ['down']);
    await rig.startWorker({
      ...{ endpoints: [endpoint, broken], upstreams },
      broken: ({ answers }) => ({
        answers: {
          wanted: (id, streamed) => answers.wanted(id, streamed),
          chunk: (id, chunk) => {
            said.push(chunk.model);
            answers.chunk(id, chunk);
          },
          flush: (id) => answers.flush(id),
          completed: (notice) => answers.completed(notice),
        },
      }),
    });
    const routing = { fallbacks: ['spare'] };
    const request = { content: 'hello', model: model ?? null, parameters: {}, routing };
    const id = await rig.submit('high', { request, stream: true });
    await eventually(() => expect(rig.folded.historyOf(id)).toContain('completed'));
    const { data } = rig.folded.eventsOf(id).at(-1)!;
    expect(data).toMatchObject({ model: told });
    expect(said).toEqual([piece]);
    expect(endpoint.calls[0]?.model).toBe(upstreams[told as 'alias']);
    if (answering === exactly) expect(data).toHaveProperty('endpoint_model', 'maker/spare:3b-2026-01-01');
    else expect(data).not.toHaveProperty('endpoint_model');
  });
});

function dyingAfterDeferral({ log }: Surroundings, die: () => Promise<void>): EventLog {
  const append: EventLog['append'] = async (events, options) => {
    const appended = await log.append(events, options);
    if (events[0]?.type === 'llmq.message.deferred.v1') await die();
    return appended;
  };
  return Object.create(log, { append: { value: append } }) as EventLog;
}

/** As the service does it: the log first, then whoever may run it. */
async function cancelled(id: string): Promise<void> {
  const context = { messageId: id, tenant: 'default', lane: 'high', newId: systemSources.newId } as const;
  const now = new Date().toISOString();
  const event = cancel({ ...context, now }, 'pending', { by: 'test', reason: 'no more' })!;
  await rig.log.append([event]);
  await rig.cancellations.add(id);
}
