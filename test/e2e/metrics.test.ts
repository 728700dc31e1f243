import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DemoModelServer, startDemoModel } from '../../src/demo-model/demo-server.js';
import { alertRules, metricsIn } from '../support/alert-rules.js';
import { dashboardFile, dashboardQueries } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { machineTool } from '../support/machine-tool.js';
import { type RunningService, startService } from '../support/service.js';

let model: DemoModelServer;
let service: RunningService;
let port: number;

const CHAT = '/v1/chat/completions';
const PASSING = 'endpoint="passing"';
const INSTANT = '[[demo:rate 0]] [[demo:tokens 3]]';

beforeAll(async () => {
  model = await startDemoModel({ port: 0 });
  port = await freePort();
  const price = { input: 1, output: 2 };
  service = await startService({
    config: {
      endpoints: [{ name: 'priced', base_url: model.url, models: [{ name: 'demo', price }] }],
      scheduler: { enabled: true, interval_ms: 200 },
      // The log has a limit to tell of only where one is set.
      nats: { max_store_bytes: 4 * 1024 ** 3 },
      metrics: { port },
      security: { egress: { allow: ['127.0.0.1'] } },
      // A call is still under way when it stops.
      server: { shutdown_timeout_ms: 2_000 },
    },
  });
  expect(await chat('demo', INSTANT)).toBe(200);
}, 150_000);
afterAll(async () => {
  await service?.stop();
  await model?.close();
});

function post(path: string, body: unknown): Promise<Response> {
  return fetch(service.baseUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function chat(name: string, content: string): Promise<number> {
  const response = await post(CHAT, { model: name, messages: [{ role: 'user', content }] });
  await response.arrayBuffer();
  return response.status;
}

async function scrape(): Promise<string> {
  return (await fetch(`${service.baseUrl}/metrics`)).text();
}

/** The lines of one metric. */
async function linesOf(name: string): Promise<string> {
  const lines = (await scrape()).split('\n');
  return lines.filter((line) => new RegExp(`^${name}[{ ]`).test(line)).join('\n');
}

/** `name{label="value", other=~"one|two", third!="x"}` as a text that is matched by the lines of a scrape. */
function selectorPattern(selector: string): RegExp {
  const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(selector)!;
  // Prometheus itself adds the name of the job.
  const wanted = [...labels.matchAll(/(\w+)(!?=~?)"([^"]+)"/g)].filter(([, label]) => label !== 'job');
  const looks = wanted.map(([, label, operator, value]) =>
    operator!.startsWith('!') ? `(?=.*\\b${label}="(?!${value}")` : `(?=.*\\b${label}="(?:${value})"`,
  );
  return new RegExp(`^${name}(?=[{ ])${looks.map((look) => `${look})`).join('')}`, 'm');
}

// A name that is right and a label that nobody sets would make an alert that never fires, and an empty panel.
describe('a service tells every figure, with its labels, that', () => {
  it.each([
    ['an alert rule asks for', alertRules()],
    ['a panel of the dashboard asks for', dashboardQueries(dashboardFile())],
  ])('%s', async (_who, asking) => {
    const asked = [...new Set(asking.flatMap(({ expr }) => metricsIn(expr)))];
    await eventually(async () => {
      const told = await scrape();
      expect(asked.filter((selector) => !selectorPattern(selector).test(told))).toEqual([]);
    });
  });

  it('the variables of the dashboard list', async () => {
    const told = await scrape();
    const lists = dashboardFile().templating.list.flatMap(({ query }) => {
      const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
      return metric === undefined ? [] : [`${metric}{${label}=~".+"}`];
    });
    expect(lists).toHaveLength(2);
    expect(lists.filter((selector) => !selectorPattern(selector).test(told))).toEqual([]);
  });
});

it('tells that an embedded NATS writes each record to disk, and how many copies there are', async () => {
  const told = await scrape();
  expect(told).toMatch(/^llmq_log_fsynced(?:\{.*\})? 1(?: |$)/m);
  expect(told).toMatch(/^llmq_log_replicas(?:\{.*\})? 1(?: |$)/m);
});

it('counts a request by its route, whatever its path', async () => {
  for (const path of ['/v1/models/demo', '/a/path/of/my/own', '/another/path'])
    await (await fetch(service.baseUrl + path)).arrayBuffer();
  await eventually(async () => {
    const told = await linesOf('llmq_http_request_duration_seconds_count');
    expect(told).toContain('{method="GET",route="/v1/models/{model}",status="200"} 1');
    expect(told).toContain('{method="GET",route="other",status="404"} 2');
  });
  expect(await scrape()).not.toContain('of/my/own');
});

it('counts a request whose client leaves before it is answered', async () => {
  const leaving = new AbortController();
  const body = { model: 'demo', messages: [{ role: 'user', content: '[[demo:slow 60000]] wait' }] };
  const asked = fetch(service.baseUrl + CHAT, {
    ...{ method: 'POST', signal: leaving.signal, body: JSON.stringify(body) },
    headers: { 'content-type': 'application/json' },
  });
  await eventually(async () => expect(await linesOf('llmq_endpoint_running')).toMatch(/ 1$/m));
  leaving.abort();
  await expect(asked).rejects.toThrow();
  await eventually(async () =>
    expect(await linesOf('llmq_http_request_duration_seconds_count')).toContain(
      `{method="POST",route="${CHAT}",status="abandoned"} 1`,
    ),
  );
});

it('lets what is told of an endpoint leave with it', async () => {
  const endpoint = { name: 'passing', base_url: model.url, models: ['demo-fast'] };
  const added = await post('/api/v1/endpoints', endpoint);
  expect([added.status, await added.text()]).toEqual([201, expect.any(String)]);
  expect(await chat('demo-fast', INSTANT)).toBe(200);
  await eventually(async () => {
    for (const name of ['endpoint_share', 'message_duration_seconds_count', 'call_duration_seconds_count'])
      expect(await linesOf(`llmq_${name}`)).toContain(PASSING);
  });
  await fetch(`${service.baseUrl}/api/v1/endpoints/passing`, { method: 'DELETE' });
  await eventually(async () =>
    expect((await scrape()).split('\n').filter((line) => line.includes(PASSING))).toEqual([]),
  );
});

it('tells the same at a port of its own, and nothing else there', async () => {
  const own = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(own.status).toBe(200);
  expect(await own.text()).toMatch(/^llmq_build_info\{version="[^"]+",node="v[^"]+"\} 1$/m);
  expect((await fetch(`http://127.0.0.1:${port}/api/v1/messages`)).status).toBe(404);
});

// Prometheus' own tool reads the text, and knows how names should be.
(machineTool('promtool') === null ? it.skip : it)(
  'names its metrics as Prometheus wants them (skipped where promtool is not installed)',
  async () => {
    const check = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
    const said: Buffer[] = [];
    for (const stream of [check.stdout, check.stderr]) stream.on('data', (data: Buffer) => said.push(data));
    check.stdin.end(await scrape());
    const [code] = await once(check, 'close');
    expect({ code, said: Buffer.concat(said).toString() }).toEqual({ code: 0, said: '' });
  },
);
