import type { ModelEndpoint } from '../../src/dispatch/endpoints/model-endpoint.port.js';
import { notInResponses } from '../../src/dispatch/endpoints/openai/call-errors.js';
import { lackedByResponses } from '../../src/dispatch/endpoints/openai/responses/responses-words.policy.js';
import { eventually } from '../support/eventually.js';
import { type Answering, atOnce, gated, Rig, TestEndpoint } from './dispatcher.rig.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
});
afterEach(() => rig.stopWorkers());
afterAll(() => rig?.stop());

/** As an endpoint that is asked by Responses: what these have no words for is refused before it is sent. */
class Speechless extends TestEndpoint implements ModelEndpoint {
  readonly lacks = lackedByResponses;

  constructor(name: string, models: readonly string[] = ['m']) {
    const refusing: Answering = async (call, count) => {
      const problems = lackedByResponses(call.request);
      if (problems.length > 0) throw notInResponses(problems);
      return atOnce(call, count);
    };
    super(refusing, name, models);
  }
}

const asking = (parameters: Record<string, unknown>, fallbacks: string[] = []) => ({
  request: { content: 'hello', model: 'm', parameters, routing: { fallbacks } },
});
const PLAIN = asking({});
const STOPPING = asking({ stop: ['.'] });

const completed = (id: string) =>
  eventually(async () => expect(await rig.folded.state(id)).toMatchObject({ status: 'completed' }));
const calledAt = (id: string) =>
  rig.folded.eventsOf(id).find(({ type }) => type === 'llmq.message.dispatched.v1')?.data;

describe('a request that some endpoints of its model have no words for', () => {
  it('goes to another one, waits for its place there, and tells why', async () => {
    const { answering, open } = gated();
    const gpt = new Speechless('gpt');
    const gpu = new TestEndpoint(answering, 'gpu', ['m'], 1);
    await rig.startWorker({ endpoints: [gpt, gpu] });
    const ids = await Promise.all([1, 2, 3].map(() => rig.submit('normal', STOPPING)));
    await eventually(() => expect(gpu.running).toBe(1));
    await completed(await rig.submit('high', PLAIN));
    open();
    for (const id of ids) {
      await completed(id);
      expect(calledAt(id)).toMatchObject({
        endpoint: 'gpu',
        endpoint_reason: expect.stringMatching(/; gpt is left out, whose API has nothing for stop$/),
      });
    }
    expect(gpt.calls).toHaveLength(1);
    expect(gpu.calls).toHaveLength(3);
    await rig.lanesEmpty();
  });

  it('waits while those that have the words are down, and holds up nothing behind it', async () => {
    const gpu = new TestEndpoint(atOnce, 'gpu', ['m']);
    const { worker, registry } = await rig.startWorker({ endpoints: [new Speechless('gpt'), gpu] });
    registry.drain('gpu');
    const id = await rig.submit('normal', STOPPING);
    await eventually(() => expect(worker.status.counters.handedBack).toBeGreaterThan(0));
    const others = await Promise.all([1, 2, 3].map(() => rig.submit('normal', PLAIN)));
    for (const other of others) await completed(other);
    expect(rig.folded.historyOf(id)).toEqual(['received', 'prioritized']);
    registry.undrain('gpu');
    await completed(id);
    expect(await rig.folded.state(id)).toMatchObject({ attempts: 1, error: null });
    await rig.lanesEmpty();
  });

  it('is passed in its own lane by what the free endpoint takes, while those that have the words are full', async () => {
    const { answering, open } = gated();
    const gpt = new Speechless('gpt');
    const gpu = new TestEndpoint(answering, 'gpu', ['m'], 1);
    await rig.startWorker({ endpoints: [gpt, gpu] });
    const stopping: string[] = [];
    for (let count = 0; count < 20; count += 1) stopping.push(await rig.submit('normal', STOPPING));
    await eventually(() => expect(gpu.running).toBe(1));
    const plain: string[] = [];
    for (let count = 0; count < 5; count += 1) plain.push(await rig.submit('normal', PLAIN));
    for (const id of plain) await completed(id);
    expect(gpu.running).toBe(1);
    expect(stopping.filter((id) => calledAt(id) !== undefined)).toHaveLength(1);
    open();
    for (const id of stopping) await completed(id);
    await rig.lanesEmpty();
  });

  it('is not asked of a model that stands in without the words: it would be refused for good', async () => {
    const speechless = new Speechless('other', ['n']);
    const { registry } = await rig.startWorker({
      endpoints: [new TestEndpoint(atOnce, 'gpu', ['m']), speechless],
    });
    registry.drain('gpu');
    const id = await rig.submit('normal', asking({ stop: ['.'] }, ['n']));
    const plain = await rig.submit('normal', asking({}, ['n']));
    await completed(plain);
    expect(rig.folded.historyOf(id)).toEqual(['received', 'prioritized']);
    registry.undrain('gpu');
    await completed(id);
    expect(speechless.calls).toHaveLength(1);
    await rig.lanesEmpty();
  });

  it('goes to a model that stands in while those that have the words are down', async () => {
    const other = new TestEndpoint(atOnce, 'other', ['n']);
    const { registry } = await rig.startWorker({
      endpoints: [new Speechless('gpt'), new TestEndpoint(atOnce, 'gpu', ['m']), other],
    });
    registry.drain('gpu');
    const id = await rig.submit('normal', asking({ seed: 7 }, ['n']));
    await completed(id);
    expect(calledAt(id)).toMatchObject({
      ...{ endpoint: 'other', model: 'n' },
      endpoint_reason: expect.stringContaining('no endpoint of m that has words for the request'),
    });
  });

  it('is refused by name where no endpoint of its model has words for it', async () => {
    await rig.startWorker({ endpoints: [new Speechless('gpt'), new Speechless('gpt-2')] });
    const id = await rig.submit('normal', STOPPING);
    await eventually(async () =>
      expect(await rig.folded.state(id)).toMatchObject({
        status: 'failed',
        error: { status: 400, remote: { code: 'unsupported_parameter', param: 'stop' } },
      }),
    );
  });
});
