import { configSchema } from './config.schema.js';
import { effectiveSettings, HIDDEN, shownAddress } from './effective-settings.js';
import type { ServiceConfig } from './service-config.js';

const SECRET = 'hunter2';

function shownOf(overrides: object) {
  const config = { ...configSchema.parse(overrides), roles: new Set(), dataDir: '/x' };
  // biome-ignore lint/suspicious/noExplicitAny: tests look into settings of many shapes.
  return effectiveSettings(config as unknown as ServiceConfig) as { settings: any; hidden: string[] };
}

describe('effectiveSettings', () => {
  it('shows where PostgreSQL is and what rules ask, and no password', () => {
    const rule = { id: 'vip', keywords: ['now'], metadata: { plan: 'gold' }, priority: 'high' };
    const { settings, hidden } = shownOf({
      database: { host: 'db', dbname: 'llmq', user: SECRET, password: SECRET },
      queue: { preprocessor: { rules: [rule] } },
      logging: { file: '/var/log/llmq.log' },
    });
    expect(settings.database).toMatchObject({ host: 'db', dbname: 'llmq', password: HIDDEN });
    expect(settings.queue.preprocessor.rules[0]).toMatchObject(rule);
    expect(settings.logging.file).toBe('/var/log/llmq.log');
    expect(hidden.sort()).toEqual(['database.password', 'database.user']);
  });

  it('shows the defaults as they are, and hides nothing that is not set', () => {
    const { settings, hidden } = shownOf({});
    expect(settings).toEqual(configSchema.parse({}));
    expect(hidden).toEqual([]);
  });

  it('shows what is known to be no secret', () => {
    const rule = { id: 'r', keywords: ['now'], priority: 'high', metadata: { vip: true, team: 'blue' } };
    const texts = {
      database: { host: 'db', dbname: 'llmq', password_env: 'DB_PASSWORD' },
      queue: { preprocessor: { rules: [rule] } },
      ...{ retention: { content: '30d' }, logging: { file: 'llmq.log' } },
    };
    const { settings, hidden } = shownOf(texts);
    expect(settings).toMatchObject(texts);
    expect(hidden).toEqual([]);
  });

  it('has no secret in it, wherever one can be', () => {
    const { settings, hidden } = shownOf({
      database: {
        url: `postgres://me:${SECRET}@db:5432/llmq?sslpassword=${SECRET}`,
        ...{ user: SECRET, password: SECRET },
      },
      nats: { url: `nats://me:${SECRET}@one:4222,two:4222`, user: SECRET, password: SECRET },
      queue: { dead_letters: { webhook_url: `https://hooks.example/${SECRET}`, webhook_secret_env: 'HOOK' } },
      endpoints: [
        {
          ...{ name: 'gpu', base_url: `https://me:${SECRET}@gpu.example/v1`, api_key_env: 'GPU_KEY' },
          ...{ models: ['a', { name: 'b', upstream: 'maker/b' }], headers: { 'x-secret': SECRET } },
        },
      ],
      security: { api_keys: [{ name: 'shop', sha256: 'ab'.repeat(32), role: 'client' }] },
    });
    expect(JSON.stringify(settings)).not.toContain(SECRET);
    expect(JSON.stringify(settings)).not.toContain('abab');
    expect(settings.database.url).toBe('postgres://db:5432/llmq');
    expect(settings.nats.url).toBe('nats://one:4222,two:4222');
    expect(settings.endpoints[0]).toMatchObject({
      ...{ name: 'gpu', base_url: 'https://gpu.example/v1', api_key_env: 'GPU_KEY' },
      ...{ models: ['a', { name: 'b', upstream: 'maker/b' }], headers: { 'x-secret': HIDDEN } },
    });
    expect(settings.security.api_keys[0]).toMatchObject({ name: 'shop', role: 'client', sha256: HIDDEN });
    expect(hidden.sort()).toEqual([
      ...['database.password', 'database.user', 'endpoints[].headers{}', 'nats.password', 'nats.user'],
      ...['queue.dead_letters.webhook_url', 'security.api_keys[].sha256'],
    ]);
  });
});

it.each([
  ['https://api.example/v1/', 'https://api.example/v1/'],
  ['nats://token@one:4222,nats://u:p@two:4222', 'nats://one:4222,nats://two:4222'],
  ['nats://u:1,2@one:4222,two', 'nats://one:4222,two'],
  ['postgres://u:p@[::1]:5432,db2/x', 'postgres://[::1]:5432,db2/x'],
  ['postgres://u:p/w@db/x', null],
  ['postgres://db/x?options=a@b', null],
  ['postgres://u:p@db/llmq?password=x#y', 'postgres://db/llmq'],
  ['u:p@host:1', null],
  ['host', null],
])('the address %s is shown as %s', (address, shown) => expect(shownAddress(address)).toBe(shown));
