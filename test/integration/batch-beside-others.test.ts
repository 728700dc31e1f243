import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DispatcherModule } from '../../src/dispatch/worker/dispatcher.module.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type MeteredModel, startMeteredModel } from '../support/metered-model.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const PLACES = 2;
const LINES = 80;
/** Together fewer than the choices after which the lowest lane is owed one. */
const OF_EACH_LANE = 8;
const LANES = ['realtime', 'normal'] as const;

let servers: Servers;
let gateway: Gateway;
let model: MeteredModel;

beforeAll(async () => {
  model = await startMeteredModel(50);
  servers = await startServers();
  const endpoint = { name: 'two', base_url: model.url, models: [MODEL], max_concurrency: PLACES };
  gateway = await startGateway(
    servers,
    { endpoints: [endpoint], batches: { lines_in_flight: 2 * LINES } },
    { modules: [DispatcherModule], roles: ['api', 'projector', 'worker'] },
  );
});
afterAll(async () => {
  model?.release();
  await gateway?.close();
  await servers?.stop();
  await model?.close();
});

async function submitBatch(): Promise<string> {
  const lines = Array.from({ length: LINES }, (_, at) => {
    const messages = [{ role: 'user', content: `line ${at}` }];
    return JSON.stringify({ custom_id: `${at}`, body: { model: MODEL, messages } });
  });
  const type = { 'content-type': 'application/x-ndjson' };
  const { status, json } = await request('POST', `${gateway.baseUrl}/api/v1/batches`, lines.join('\n'), type);
  expect(status).toBe(202);
  return json.id;
}

async function waiting(lane: string): Promise<number> {
  const { json } = await request('GET', `${gateway.baseUrl}/api/v1/queues/status?lane=${lane}`);
  return json.data[0].waiting;
}

const isLine = (question: string) => question.startsWith('line ');

it('a batch of many lines lets what somebody waits for go first, and is answered all the same', async () => {
  // A lane that the broker is slow to answer for counts as empty for that moment, in which lines slip in.
  await inOneOf(3, async () => {
    const before = model.asked.length;
    const asked = () => model.asked.slice(before);
    model.hold();
    const id = await submitBatch();
    await eventually(() => expect(asked()).toHaveLength(PLACES));
    await eventually(async () => expect(await waiting('low')).toBe(LINES - PLACES));
    for (const priority of LANES) {
      for (let at = 0; at < OF_EACH_LANE; at += 1) {
        const message = { user_id: 'u', content: `${priority} ${at}`, priority, model: MODEL };
        const { status } = await request('POST', `${gateway.baseUrl}/api/v1/messages`, message);
        expect(status).toBe(202);
      }
      await eventually(async () => expect(await waiting(priority)).toBe(OF_EACH_LANE));
    }
    model.release();
    const batch = async () => (await request('GET', `${gateway.baseUrl}/api/v1/batches/${id}`)).json;
    const done = { status: 'completed', lines: { completed: LINES, failed: 0 } };
    await eventually(async () => expect(await batch()).toMatchObject(done), { withinMs: 180_000 });
    expect(asked()).toHaveLength(LINES + LANES.length * OF_EACH_LANE);
    expect(new Set(asked()).size).toBe(asked().length);
    const untilLast = asked().slice(
      PLACES,
      asked().findLastIndex((question) => !isLine(question)),
    );
    // In the order in which they came it would be all of them.
    expect(untilLast.filter(isLine).length).toBeLessThan((LINES - PLACES) / 2);
  });
}, 900_000);
