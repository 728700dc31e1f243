import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EndpointHealthModule } from '../../src/dispatch/endpoints/health/endpoint-health.module.js';
import { DispatcherModule } from '../../src/dispatch/worker/dispatcher.module.js';
import type { Finding } from '../../src/operations/report/finding.policy.js';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { type MeteredModel, startMeteredModel } from '../support/metered-model.js';
import { type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const operator = newApiKey({ name: 'olga', role: 'operator', tenant: 'red' });
const bearer = { authorization: `Bearer ${operator.key}` };

let servers: Servers;
let model: MeteredModel;
let overrides: Record<string, unknown>;
/** Takes requests in, and writes the tables. */
let api: Gateway;
/** Another process, which calls the endpoints. */
let worker: Gateway | undefined;

beforeAll(async () => {
  [servers, model] = await Promise.all([startServers(), startMeteredModel(0)]);
  overrides = {
    endpoints: [
      { name: 'up', base_url: model.url, models: ['served'] },
      { name: 'away', base_url: `http://127.0.0.1:${await freePort()}/v1`, models: ['lost'] },
    ],
    security: { api_keys: [operator.config] },
    // One test is about reading while nothing is written.
    projection: { read_wait_ms: 2_000 },
  };
  api = await startGateway(servers, overrides);
});
afterAll(async () => {
  await worker?.close();
  await api?.close();
  await Promise.all([servers?.stop(), model?.close()]);
});

const ask = (method: string, path: string, body?: object) =>
  request(method, `${api.baseUrl}${path}`, body, bearer);
const submit = async (priority: string, name = 'served') =>
  (await ask('POST', '/api/v1/messages', { user_id: 'u', content: 'x', priority, model: name })).json.id;

async function report() {
  const { status, json } = await ask('GET', '/api/v1/report');
  expect(status).toBe(200);
  const found = new Map((json.findings as Finding[]).map((each) => [each.code, each]));
  return {
    json,
    found,
    codes: [...found.keys()],
    unknown: json.unknown.map(({ signal }: { signal: string }) => signal),
  };
}

describe('without a worker', () => {
  it('names that first, then the lane that is paused, and says nothing of endpoints', async () => {
    await ask('POST', '/api/v1/admin/lanes/low/pause', { reason: 'A move' });
    await submit('low');
    await submit('normal');
    await eventually(async () => {
      const { json, codes, found, unknown } = await report();
      expect(codes).toEqual(['no_worker', 'lane_paused']);
      expect(found.get('no_worker')).toMatchObject({
        ...{ question: 'flow', severity: 'critical' },
        evidence: { workers: 0, waiting: 2, lanes: ['normal 1', 'low 1'] },
        action: { kind: 'guide', at: 'docs/operations.md#several-processes' },
      });
      expect(found.get('lane_paused')).toMatchObject({
        ...{ severity: 'warning', name: 'low' },
        evidence: { lane: 'low', waiting: 1, paused_by: 'olga', reason: 'A move' },
        action: { kind: 'call', at: 'POST /api/v1/admin/lanes/low/resume' },
      });
      // Nobody calls or checks them; and whether somebody else's NATS writes to its disk can't be seen.
      expect(unknown).toEqual(['endpoints', 'durability']);
      expect(json).toMatchObject({
        verdict: 'wrong',
        questions: [
          { question: 'flow', verdict: 'wrong' },
          { question: 'success', verdict: 'well' },
          { question: 'freshness', verdict: 'well' },
        ],
      });
    });
  });

  it('names dead letters with their reasons, and the call that shows them', async () => {
    const id = await submit('high');
    const error = { code: 'endpoint_rejected', message: 'x', retryable: false, status: 400 };
    await api.worker.deadLetter(await api.worker.receivedAs(id), error);
    await api.projected();
    const letters = await eventually(async () => {
      const found = (await report()).found.get('dead_letters')!;
      expect(found).toMatchObject({
        ...{ question: 'success', severity: 'warning' },
        evidence: { processed: 1, dead: 1, reasons: ['endpoint_rejected 1 (model served, tenant red)'] },
      });
      return found;
    });
    const [method, path] = letters.action.at.split(' ');
    const { json } = await ask(method!, path!);
    expect(json.data.map((letter: { id: string }) => letter.id)).toEqual([id]);
  });
});

describe('with a worker', () => {
  it('names the endpoint that is down, and no worker is missed any more', async () => {
    worker = await startGateway(servers, overrides, {
      modules: [DispatcherModule, EndpointHealthModule],
      roles: ['api', 'worker'],
    });
    await submit('normal', 'lost');
    await eventually(async () => {
      const { codes, found, unknown } = await report();
      expect(codes).toEqual(['endpoint_down', 'lane_paused', 'dead_letters']);
      expect(found.get('endpoint_down')).toMatchObject({
        ...{ severity: 'critical', name: 'away' },
        evidence: { endpoint: 'away', models: ['lost'], reason: expect.stringMatching(/./) },
        action: { kind: 'guide', at: 'docs/operations.md#endpoints' },
      });
      expect(unknown).toEqual(['durability']);
    });
  });

  it('finds the pause no more once its action was followed', async () => {
    const [method, path] = (await report()).found.get('lane_paused')!.action.at.split(' ');
    expect((await ask(method!, path!)).status).toBe(200);
    await eventually(async () => expect((await report()).codes).toEqual(['endpoint_down', 'dead_letters']));
  });
});

describe('while the tables stand', () => {
  it('says so, and takes nothing from them until they are current', async () => {
    const runner = api.dataSource.createQueryRunner();
    await runner.startTransaction();
    // Readers go on, and nothing is written.
    await runner.query('LOCK TABLE llmq.message_requests, llmq.messages IN SHARE ROW EXCLUSIVE MODE');
    try {
      await submit('high');
      const { json, found, unknown } = await eventually(async () => {
        const told = await report();
        expect(told.codes).toEqual(['endpoint_down', 'projection_stands']);
        return told;
      });
      expect(found.get('projection_stands')).toMatchObject({
        ...{ question: 'freshness', severity: 'critical' },
        evidence: { lag: expect.any(Number) },
        action: { at: 'docs/operations.md#when-the-projection-stops' },
      });
      expect(found.get('projection_stands')!.evidence['lag']).toBeGreaterThan(0);
      expect(unknown).toEqual(['oldest', 'ended', 'attempts', 'webhooks', 'durability']);
      const success = json.questions.find(({ question }: { question: string }) => question === 'success');
      expect(success.verdict).toBe('unknown');
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
    }
    await api.projected();
    await eventually(async () => expect((await report()).codes).toEqual(['endpoint_down', 'dead_letters']));
  });
});
