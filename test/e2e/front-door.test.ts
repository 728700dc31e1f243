import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';

const operator = newApiKey({ name: 'root', role: 'operator', tenant: 'ops' });
const client = newApiKey({ name: 'shop', role: 'client', tenant: 'shop' });
const HEALTH = ['/health', '/api/v1/health'];
const PAGE = { accept: 'text/html,*/*;q=0.8' };

let service: RunningService;

beforeAll(async () => {
  const security = { api_keys: [operator.config, client.config] };
  service = await startService({ config: { security } });
});
afterAll(async () => service?.stop());

async function get(path: string, headers: Record<string, string> = {}, key?: { key: string }) {
  const authorization: Record<string, string> =
    key === undefined ? {} : { authorization: `Bearer ${key.key}` };
  const response = await fetch(service.baseUrl + path, { headers: { ...headers, ...authorization } });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  const json = isJson ? (JSON.parse(text) as any) : null;
  return { status: response.status, headers: response.headers, text, json };
}

describe('health', () => {
  it.each(HEALTH)('%s tells outsiders the status alone', async (path) => {
    await eventually(async () =>
      expect(await get(path)).toMatchObject({ status: 200, json: { status: 'healthy' } }),
    );
    expect(Object.keys((await get(path)).json)).toEqual(['status']);
    expect(Object.keys((await get(`${path}?x=1`)).json)).toEqual(['status']);
  });

  it.each(HEALTH)('%s tells the rest to who has a key', async (path) => {
    await eventually(async () =>
      expect((await get(path, {}, client)).json).toMatchObject({
        ...{ status: 'healthy', version: expect.any(String), uptime_seconds: expect.any(Number) },
        components: {
          event_log: { status: 'healthy', took_ms: expect.any(Number), checked_at: expect.any(String) },
          projection: { status: 'healthy' },
          projector: { status: 'healthy' },
        },
      }),
    );
  });

  it('of single parts is told as before', async () => {
    const { json } = await get('/health/ready', {}, client);
    expect(Object.keys(json.parts.event_log).sort()).toEqual(['detail', 'ok']);
  });
});

describe('GET /', () => {
  it('is JSON for programs, with the version for who has a key', async () => {
    const { status, json } = await get('/');
    expect(status).toBe(200);
    expect(json).toMatchObject({
      name: 'LLM Message Queue',
      links: { docs: '/api/docs', openai_base_url: '/v1' },
    });
    expect(json).not.toHaveProperty('version');
    expect((await get('/', {}, client)).json).toHaveProperty('version');
  });

  it('is a page for people, as guarded as the others, and all its links open', async () => {
    const page = await get('/', PAGE);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page.headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/);
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    const links = [...page.text.matchAll(/href="([^"]+)"/g)].map(([, path]) => path!);
    expect(links).toEqual(expect.arrayContaining(['/api/docs', '/health', '/health/ready', '/metrics']));
    for (const path of links) expect([path, (await get(path, {}, client)).status]).toEqual([path, 200]);
  });
});

it('metrics are under /api/v1 too, for who has a key', async () => {
  const { headers, text } = await get('/api/v1/metrics', { 'x-request-id': 'm1' }, client);
  expect(text).toContain('llmq_lane_waiting');
  expect(headers.get('x-request-id')).toBe('m1');
  expect((await get('/api/v1/metrics')).status).toBe(401);
});

it('the settings are for operators, without secrets', async () => {
  expect((await get('/api/v1/config', {}, client)).status).toBe(403);
  const { json, text } = await get('/api/v1/config', {}, operator);
  expect(json.settings.server).toMatchObject({ host: '127.0.0.1', docs: 'public' });
  expect(json.settings.security.api_keys.map(({ name }: { name: string }) => name)).toEqual(['root', 'shop']);
  expect(json.hidden).toContain('nats.password');
  expect(text).not.toContain(operator.config.sha256);
  expect(json.settings.database.url).toMatch(/^postgres(ql)?:\/\/[^@]+$/);
});

it('the greeting names the base URL for SDKs and the documentation', () => {
  expect(service.logs()).toContain(`OpenAI SDKs: base URL ${service.baseUrl}/v1`);
  expect(service.logs()).toContain(`API: ${service.baseUrl}/api/docs`);
});

it('the documentation is left out where it is off', async () => {
  const other = await startService({ config: { server: { docs: 'off' } } });
  try {
    for (const path of ['/api/docs', '/api/docs-json', '/api/docs/swagger-ui-bundle.js']) {
      expect([path, (await fetch(other.baseUrl + path)).status]).toEqual([path, 404]);
    }
    const home = (await (await fetch(other.baseUrl)).json()) as { links: object };
    expect(Object.keys(home.links)).not.toContain('docs');
    expect(other.logs()).not.toContain('/api/docs');
  } finally {
    await other.stop();
  }
});
