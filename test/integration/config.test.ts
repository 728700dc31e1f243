import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { z } from 'zod';
import { ConfigError } from '../../src/platform/config/config.error.js';
import { loadConfig } from '../../src/platform/config/load-config.js';
import type { ServiceConfig } from '../../src/platform/config/service-config.js';
import { bare, SETTINGS } from '../../src/platform/config/settings.js';

const SHA = 'a'.repeat(64);
const NKEY = `U${'A'.repeat(55)}`;
const KEY = { name: 'ops', sha256: SHA, role: 'admin' };
const ENDPOINT = { name: 'gpu-1', base_url: 'http://127.0.0.1:8000/v1', models: ['qwen'] };

describe('loadConfig', () => {
  let folder: string;
  let warnings: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llmq-config-'));
    warnings = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function load(env: NodeJS.ProcessEnv, yaml?: string | Buffer): ServiceConfig {
    if (yaml === undefined) return loadConfig(env, folder, (warning) => warnings.push(warning));
    writeFileSync(join(folder, 'my.yaml'), yaml);
    return loadConfig({ LLMQ_CONFIG: 'my.yaml', ...env }, folder, (warning) => warnings.push(warning));
  }

  function problems(env: NodeJS.ProcessEnv, yaml?: string | Buffer): readonly string[] {
    try {
      load(env, yaml);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      return (error as ConfigError).problems;
    }
    throw new Error('the configuration was accepted');
  }

  it('needs nothing: the defaults are whole, on loopback, in a data folder of the working directory', () => {
    const config = load({});
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 8080 });
    expect(config.dataDir).toBe(join(folder, '.llmq'));
    expect([...config.roles]).toEqual(['api', 'intake', 'worker', 'projector', 'scheduler']);
    expect(warnings).toEqual([]);
  });

  it.each([
    ['api', ['api', 'intake']],
    ['api, worker', ['api', 'worker', 'intake']],
    ['api,-intake', ['api']],
    ['intake', ['intake']],
    ['-worker', ['api', 'intake', 'projector', 'scheduler']],
    ['all,-worker,-projector', ['api', 'intake', 'scheduler']],
  ])('reads the roles %s', (LLMQ_ROLES, roles) => {
    const servers = { NATS_URL: 'nats://127.0.0.1:1', DATABASE_URL: 'postgres://h/d' };
    expect([...load({ ...servers, LLMQ_ROLES }).roles]).toEqual(roles);
  });

  it('is frozen all the way down', () => {
    const config = load({ ENDPOINTS: JSON.stringify([ENDPOINT]) });
    expect(Object.isFrozen(config.queue.levels.low)).toBe(true);
    expect(Object.isFrozen(config.endpoints[0])).toBe(true);
    expect(() => {
      (config.server as { port: number }).port = 1;
    }).toThrow(TypeError);
  });

  it('lays the environment over the file, and the file over the defaults', () => {
    const config = load({ SERVER_PORT: '9001' }, 'server: {port: 9000, max_connections: 7}\n');
    expect(config.server).toMatchObject({ port: 9001, max_connections: 7, host: '127.0.0.1' });
  });

  it('gives every key an environment variable of its own', () => {
    expect(new Set(SETTINGS.map(({ env }) => env)).size).toBe(SETTINGS.length);
    expect(SETTINGS.map(({ env }) => env)).toEqual(
      expect.arrayContaining([
        'SERVER_PORT',
        'QUEUE_LEVELS_LOW_MAX_CONCURRENT',
        'DATABASE_URL',
        'NATS_URL',
        'SECURITY_API_KEYS',
      ]),
    );
  });

  it('reads any whole number in bounds from the environment as from the file', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), (slots) => {
        const fromEnv = load({ QUEUE_WORKER_CONCURRENCY: String(slots) });
        const fromFile = load({}, `queue: {worker: {concurrency: ${slots}}}`);
        expect(fromEnv.queue.worker.concurrency).toBe(slots);
        expect(fromFile.queue.worker.concurrency).toBe(slots);
      }),
      { numRuns: 20 },
    );
  });

  it('never takes text that is not a number for a number: it is refused with the variable', () => {
    const notWhole = fc.string({ minLength: 1 }).filter((text) => !/^\s*[+-]?[\d.]/.test(text));
    const numeric = SETTINGS.filter(({ schema }) => bare(schema) instanceof z.ZodNumber);
    fc.assert(
      fc.property(notWhole, fc.constantFrom(...numeric), (text, { env, schema }) => {
        fc.pre(!(text.trim() === 'null' && schema.safeParse(null).success));
        expect(problems({ [env]: text })[0]).toContain(env);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['METRICS_ENABLED', 'false', (config: ServiceConfig) => config.metrics.enabled, false],
    [
      'QUEUE_LEVELS_LOW_MAX_CONCURRENT',
      '3',
      (config: ServiceConfig) => config.queue.levels.low.max_concurrent,
      3,
    ],
    [
      'QUEUE_LEVELS_LOW_MAX_CONCURRENT',
      'null',
      (config: ServiceConfig) => config.queue.levels.low.max_concurrent,
      null,
    ],
    ['NATS_PASSWORD', '123', (config: ServiceConfig) => config.nats.password, '123'],
    ['SERVER_PORT', '', (config: ServiceConfig) => config.server.port, 8080],
  ])('reads %s=%s by the type of its key', (name, text, read, value) => {
    expect(read(load({ NATS_URL: 'nats://127.0.0.1:1', [name]: text }))).toBe(value);
  });

  it('reads lists from the environment as JSON or YAML', () => {
    expect(load({ ENDPOINTS: JSON.stringify([ENDPOINT]) }).endpoints[0]).toMatchObject(ENDPOINT);
    const yaml = '- name: gpu-2\n  base_url: https://h/v1\n  models: [a, b]\n';
    expect(load({ ENDPOINTS: yaml }).endpoints[0]!.models).toEqual(['a', 'b']);
  });

  it('tells a wrong list variable without showing it', () => {
    expect(problems({ SECURITY_API_KEYS: '[{"name": "hunter2' })[0]).toMatch(
      /^SECURITY_API_KEYS is neither JSON/,
    );
    expect(problems({ SECURITY_API_KEYS: '[{"name": "hunter2' })[0]).not.toContain('hunter2');
  });

  it('takes a section without keys for an empty one', () => {
    expect(load({}, 'server:\n  # port: 1\nqueue:\n').server.port).toBe(8080);
    expect(load({}, '# nothing\n').server.port).toBe(8080);
  });

  describe('reads the file', () => {
    it('config.yaml of the folder, where nothing else is named', () => {
      expect(load({}).configFile).toBe(join(folder, 'config.yaml'));
      writeFileSync(join(folder, 'config.yaml'), 'server: {port: 1}');
      expect(load({}).server.port).toBe(1);
      expect(load({ LLMQ_CONFIG: '' }).server.port).toBe(1);
      expect(load({}, 'server: {port: 2}').server.port).toBe(2);
      expect(load({}, 'server: {port: 2}').configFile).toBe(join(folder, 'my.yaml'));
    });
  });

  describe('takes the place of PostgreSQL', () => {
    it('in parts, from the file and the environment', () => {
      const yaml = 'database: {host: db.example, user: shop, password_env: SHOP_PW, sslmode: require}';
      expect(load({ SHOP_PW: 'p/w', DATABASE_DBNAME: 'q' }, yaml).database.url).toBe(
        'postgres://shop:p%2Fw@db.example/q?sslmode=require&uselibpqcompat=true',
      );
    });

    it('as an address that parts complete', () => {
      const { url } = load({
        DATABASE_URL: 'postgres://shop@db.example/q',
        DATABASE_PASSWORD: 'pw',
      }).database;
      expect(url).toBe('postgres://shop:pw@db.example/q');
    });
  });

  describe('refuses', () => {
    it('an empty embedded database or NATS while a variable of another name names one', () => {
      for (const name of ['DATABASE_POSTGRES_HOST', 'DB_HOST', 'DATABSE_URL', 'DATABASE_DSN']) {
        const found = problems({ [name]: 'hunter2' });
        expect(found).toEqual([
          expect.stringMatching(
            new RegExp(`${name} .* empty embedded PostgreSQL\\. Set DATABASE_URL or DATABASE_HOST`),
          ),
        ]);
        expect(found.join()).not.toContain('hunter2');
        expect(load({ [name]: 'h', DATABASE_HOST: 'h' }).database.url).toBe('postgres://h/');
        expect(load({ [name]: '' }).database.url).toBe('');
      }
      expect(problems({ NATS_SERVERS: 'h' })).toEqual([
        expect.stringMatching(/NATS_SERVERS .*empty embedded NATS/),
      ]);
      expect(load({ NATS_SERVICE_HOST: '10.0.0.7', NATS_PORT_4222_TCP_ADDR: '10.0.0.7' }).nats.url).toBe('');
    });

    it('keys that were brought along, with ours beside them', () => {
      const yaml = `
database: {postgres: {host: h, password: hunter2}, redis: {addr: h}}
loadbalancer: {algorithm: round_robin}
queue: {levels: [{name: realtime, max_concurrent: 1}]}
`;
      const found = problems({}, yaml);
      expect(found).toEqual([
        expect.stringMatching(
          /^database\.postgres .*line 2.* Write database\.host for database\.postgres\.host, database\.password for/,
        ),
        expect.stringMatching(/^database\.redis .* no Redis here/),
        expect.stringMatching(/^queue\.levels .*can't be a list\. .*high: \{/),
        expect.stringMatching(/^loadbalancer\.algorithm .* Write loadbalancer\.strategy for/),
      ]);
      expect(found.join()).not.toContain('hunter2');
    });

    it('a variable that is named and not set, unless the file is for another machine', () => {
      const env = { DATABASE_HOST: 'h', DATABASE_PASSWORD_ENV: 'SHOP_PW' };
      expect(problems(env)).toEqual([expect.stringMatching(/^database\.password_env names SHOP_PW/)]);
      loadConfig(env, folder, (warning) => warnings.push(warning), { unsetVariables: 'warn' });
      expect(warnings).toEqual([expect.stringMatching(/^database\.password_env names SHOP_PW/)]);
    });

    it('all that is wrong at once, each with its key, its place, what is allowed and a suggestion', () => {
      const found = problems(
        { METRICS_ENABLED: 'yes' },
        'server:\n  prot: 1\n  port: 99999\nqueue: {default_priority: urgent}\nloging: {}\n',
      );
      expect(found).toHaveLength(5);
      expect(found.find((text) => text.startsWith('server.prot'))).toMatch(
        /my\.yaml, line 2.*Did you mean port\?/,
      );
      expect(found.find((text) => text.startsWith('server.port'))).toMatch(/99999.*line 3.*from 0 to 65535/);
      expect(found.find((text) => text.startsWith('queue.default_priority'))).toMatch(
        /"urgent".*realtime, high, normal, low/,
      );
      expect(found.find((text) => text.startsWith('metrics.enabled'))).toMatch(
        /METRICS_ENABLED.*true or false/,
      );
      expect(found.find((text) => text.startsWith('loging'))).toContain('Did you mean logging?');
    });

    it('names that every object has by nature, like any unknown key', () => {
      expect(problems({}, 'server: {constructor: {a: 1}}\n')[0]).toMatch(
        /^server\.constructor .* is not a key/,
      );
    });

    it('minimum shares that leave nothing over', () => {
      expect(problems({ QUEUE_LEVELS_LOW_MIN_SHARE: '2' })[0]).toContain('a number from 0 to 0.99');
      const shares = (high: number) => problems({}, `queue: {levels: {high: {min_share: ${high}}}}\n`);
      expect(shares(0.85)[0]).toMatch(/min_share of all lanes together is 1 .*high 0.85.*below 1/);
      expect(load({}, 'queue: {levels: {high: {min_share: 0.84}}}\n').queue.levels.high.min_share).toBe(0.84);
    });

    it('entries of security.egress that are neither hosts nor networks', () => {
      const found = problems(
        { SECURITY_EGRESS_DENY: '["10.0.0.0/8"]' },
        'security: {egress: {allow: [10.0.0.0/33]}}\n',
      );
      expect(found).toEqual([
        expect.stringMatching(/^security\.egress\.allow: "10\.0\.0\.0\/33" is neither a host/),
      ]);
    });

    it('webhooks that nothing signs, whose URL holds a password, or whose tries do not come one behind the other', () => {
      const secret = `whsec_${Buffer.from('s'.repeat(32)).toString('base64')}`;
      const yaml = `
webhooks: {url: 'https://ann:hidden@example.com/', retry_times_ms: [5000, 1000]}
security: {api_keys: [{name: shop, sha256: '${'0'.repeat(64)}', role: client, callback_url: 'https://example.com/'}]}
`;
      const found = problems({}, yaml);
      expect(found).toEqual([
        expect.stringMatching(/^webhooks\.retry_times_ms does not rise/),
        expect.stringMatching(/^webhooks\.url is set and webhooks\.secrets is empty/),
        expect.stringMatching(/^security\.api_keys\[0\] \(shop\) has a callback_url and no secret/),
        expect.stringMatching(/^webhooks\.url holds a user or a password/),
      ]);
      expect(found.join()).not.toContain('hidden');
      const signed = load(
        { WEBHOOKS_SECRETS: JSON.stringify([secret]) },
        'webhooks: {url: "https://example.com/"}\n',
      );
      expect(signed.webhooks.secrets).toEqual([secret]);
      const wrong = problems({ WEBHOOKS_SECRETS: '["whsec_hidden"]' });
      expect(wrong).toHaveLength(1);
      expect(wrong[0]).toMatch(/^webhooks\.secrets\[0\] can't be what it is now \(not shown/);
    });

    it('an endpoint that names a model twice, a header that can not be sent, and a model that is its own fallback', () => {
      const yaml = `
endpoints:
  - {name: one, base_url: 'http://127.0.0.1:2/v1', models: [a, {name: a, upstream: b}], headers: {X-Team: "a\\nb-secret"}}
loadbalancer: {fallbacks: {a: [b, a]}}
`;
      const found = problems({}, yaml);
      expect(found).toEqual([
        expect.stringMatching(/^endpoints\[0\]\.models \(one\) names a twice/),
        expect.stringMatching(/^endpoints\[0\]\.headers\.X-Team \(one\) holds characters/),
        expect.stringMatching(/^loadbalancer\.fallbacks names a as its own fallback/),
      ]);
      expect(found.join()).not.toContain('b-secret');
    });

    it('a file that is missing, a folder, not YAML, not UTF-8, or that has a key twice, by line', () => {
      expect(problems({ LLMQ_CONFIG: 'none.yaml' })[0]).toMatch(
        /none\.yaml can't be read: there is no such file.*LLMQ_CONFIG/,
      );
      expect(problems({ LLMQ_CONFIG: '.' })[0]).toContain('directory');
      expect(problems({}, 'server:\n  port: [1\n')[0]).toMatch(/line \d+.*not valid YAML/);
      expect(problems({}, 'server: {port: 1}\nqueue: {}\nserver: {}\n')[0]).toMatch(/line 3.*twice/);
      expect(problems({}, Buffer.from([0x73, 0xff]))[0]).toContain('UTF-8');
      expect(problems({}, 'server: *nowhere\n')[0]).toMatch(/alias|YAML/);
      expect(problems({}, 'servers: &a {b: *a}\n')[0]).toMatch(/^servers .* is not a key/);
    });

    it('priority rules that say nothing, or what can not be so', () => {
      const yaml = `
queue:
  preprocessor:
    rules:
      - {id: vip, metadata: {vip: true}, priority: realtime}
      - {id: vip, min_tokens: 0, priority: low}
      - {id: all, priority: low}
      - {id: both, keywords: [a], pattern: a, priority: low}
      - {id: crossed, min_tokens: 2, max_tokens: 1, priority: low}
      - {id: broken, pattern: '(', priority: low}
`;
      expect(problems({}, yaml)).toEqual([
        expect.stringMatching(/^queue\.preprocessor\.rules: two of them have the id vip/),
        expect.stringMatching(/^queue\.preprocessor\.rules\[2\] \(all\) would match every message/),
        expect.stringMatching(/\(both\) has keywords and a pattern/),
        expect.stringMatching(/\(crossed\) has min_tokens above max_tokens/),
        expect.stringMatching(/\(broken\) has a pattern that can't be used/),
      ]);
      expect(
        problems({}, 'queue: {preprocessor: {rules: [{id: x, metadata: {a: [1]}, priority: low}]}}')[0],
      ).toMatch(/^queue\.preprocessor\.rules\[0\]\.metadata/);
    });

    it('a file that is a list or a text', () => {
      expect(problems({}, '- server\n')[0]).toMatch(/^the configuration .* a section with the keys server/);
      expect(problems({}, 'server\n')[0]).toMatch(/^the configuration /);
    });

    it('the scale of a Deployment without its name', () => {
      const env = { SCHEDULER_ENABLED: 'true', SCHEDULER_ACTUATOR: 'kubernetes' };
      expect(problems(env)[0]).toMatch(/SCHEDULER_KUBERNETES_DEPLOYMENT/);
      load({ ...env, SCHEDULER_KUBERNETES_DEPLOYMENT: 'workers' });
    });

    it('unknown roles', () => {
      expect(problems({ LLMQ_ROLES: 'api,wroker' })[0]).toMatch(/"wroker".*Did you mean worker\?/);
      expect(problems({ LLMQ_ROLES: 'all,-wroker' })[0]).toMatch(/"wroker"/);
      expect(problems({ LLMQ_ROLES: 'worker,-worker' })[0]).toMatch(/leaves no role/);
    });

    it('any address but loopback without API keys, and says how to make one', () => {
      for (const host of ['0.0.0.0', '::', '192.168.1.5', 'queue.example']) {
        expect(problems({ SERVER_HOST: host })[0]).toMatch(/npm run keys:create/);
        expect(load({ SERVER_HOST: host, SECURITY_API_KEYS: JSON.stringify([KEY]) }).server.host).toBe(host);
      }
      for (const host of ['localhost', '::1', '127.0.0.2'])
        expect(load({ SERVER_HOST: host }).server.host).toBe(host);
    });

    const rules: [string, NodeJS.ProcessEnv, RegExp][] = [
      [
        'web pages that are let in without keys',
        { SERVER_CORS_ORIGINS: '["https://app.example"]' },
        /server\.cors_origins.*keys:create/,
      ],
      ['an origin with a path', { SERVER_CORS_ORIGINS: '["https://app.example/x"]' }, /server\.cors_origins/],
      [
        'a key that expires at no time',
        { SECURITY_API_KEYS: JSON.stringify([{ ...KEY, expires_at: 'soon' }]) },
        /expires_at/,
      ],
      ['two endpoints of one name', { ENDPOINTS: JSON.stringify([ENDPOINT, ENDPOINT]) }, /name gpu-1/],
      [
        'two keys of one name',
        { SECURITY_API_KEYS: JSON.stringify([KEY, { ...KEY, sha256: 'b'.repeat(64) }]) },
        /name ops/,
      ],
      [
        'one key under two names',
        { SECURITY_API_KEYS: JSON.stringify([KEY, { ...KEY, name: 'b' }]) },
        /ops and b/,
      ],
      [
        'two publishers of one name',
        { NATS_PUBLISHERS: JSON.stringify([{ name: 'billing' }, { name: 'billing', tenant: 'b' }]) },
        /nats\.publishers.*name billing/,
      ],
      [
        'a key and a publisher of one name',
        {
          SECURITY_API_KEYS: JSON.stringify([{ ...KEY, name: 'billing' }]),
          NATS_PUBLISHERS: JSON.stringify([{ name: 'billing' }]),
        },
        /api_keys: billing is also the name of one of nats\.publishers/,
      ],
      [
        'a key with the name of the own login',
        { SECURITY_API_KEYS: JSON.stringify([{ ...KEY, name: 'nats' }]) },
        /api_keys: nats is also the name of the service's own login/,
      ],
      [
        'a publisher with the name of the own login',
        { NATS_PUBLISHERS: JSON.stringify([{ name: 'nats' }]) },
        /nats\.publishers: nats is the name of the service's own login/,
      ],
      [
        'one login under two names',
        { NATS_PUBLISHERS: JSON.stringify(['a', 'b'].map((name) => ({ name, nkey: NKEY }))) },
        /keys:create -- --nats/,
      ],
      [
        'an endpoint whose key is not there',
        { ENDPOINTS: JSON.stringify([{ ...ENDPOINT, api_key_env: 'GPU_KEY' }]) },
        /GPU_KEY is not set/,
      ],
      [
        'a base URL with a query',
        { ENDPOINTS: JSON.stringify([{ ...ENDPOINT, base_url: 'http://h/v1?a=1' }]) },
        /\? or #/,
      ],
      [
        'a base URL with a password',
        { ENDPOINTS: JSON.stringify([{ ...ENDPOINT, base_url: 'http://u:hunter2@h/v1' }]) },
        /api_key_env/,
      ],
      ['a worker with nowhere to send to', { DEMO_ENABLED: 'false' }, /ENABLED=true/],
      ['a database of another kind', { DATABASE_URL: 'mysql://u:hunter2@h/d' }, /^database\.url/],
      [
        'a place in two ways that differ',
        { DATABASE_URL: 'postgres://u:hunter2@h/d', DATABASE_PASSWORD: 'hunter2x' },
        /^database\.password and the same part of database\.url are different/,
      ],
      ['a user without a host', { DATABASE_USER: 'hunter2' }, /database\.user would be ignored/],
      ['an address that is not of NATS', { NATS_URL: 'nats://h:1,http://u:hunter2@h' }, /^nats\.url/],
      ['replicas without a cluster', { NATS_REPLICAS: '3' }, /NATS_URL|nats\.url/],
      ['a first delay above the longest', { QUEUE_RETRY_BASE_DELAY_MS: '70000' }, /base_delay_ms \(70000\)/],
      ['a buffer too small for one message', { NATS_APPEND_BUFFER_BYTES: '1000' }, /2097152/],
      ['a store that is all reserve', { NATS_MAX_STORE_BYTES: '1000' }, /NATS_MAX_STORE_BYTES to 671088640/],
      ['one port for two servers', { SERVER_PORT: '8090', DEMO_PORT: '8090' }, /demo\.port/],
    ];
    it.each(rules)('%s', (_what, env, expected) => {
      const found = problems(env);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(expected);
      expect(found[0]).not.toContain('hunter2');
    });

    it.each([
      ['server: {port: 1, password: hunter2}'],
      ['nats: {password: [hunter2]}'],
      ['database: {url: [hunter2]}'],
      ['database: {password: [hunter2]}'],
      ['database: {password_env: hunter2}'],
      ['database: "postgres://u:hunter2@h/d"'],
      ['nats: {publishers: [{name: a, nkey: SUhunter2}]}'],
      ['endpoints: [{name: a, base_url: "http://u:hunter2@", models: [m]}]'],
      ['endpoints: [{name: a, base_url: "http://h/v1", models: [m], api_key_env: hunter2}]'],
      ['security: {api_keys: [{name: a, role: admin, sha256: hunter2}]}'],
      ['nats: {password: "hunter2\nserver: 3'],
    ])('%s, without showing a secret', (yaml) => {
      expect(problems({}, yaml).join('\n')).not.toContain('hunter2');
    });
  });

  describe('warns, and starts, for', () => {
    it('a variable that is one slip away from one of ours, and no other', () => {
      load({ SERVER_PROT: '1', LLMQ_ROLE: 'x', HOME_DIR: '/x', DATABASE_HOST: 'h', PATH: '/bin' });
      expect(warnings).toHaveLength(2);
      expect(warnings[0]).toMatch(/SERVER_PROT.*SERVER_PORT/);
    });

    it('a variable that begins like ours, or was brought along, and names no server', () => {
      load({
        LOADBALANCER_ALGORITHM: 'round_robin',
        SERVER_MODE: 'debug',
        QUEUE_LANES: '4',
        OPENAI_ORG: 'x',
      });
      expect(warnings).toEqual([
        expect.stringMatching(/LOADBALANCER_ALGORITHM .* Write LOADBALANCER_STRATEGY\./),
        expect.stringMatching(/SERVER_MODE .* Leave it out/),
        expect.stringMatching(/QUEUE_LANES .* docs\/configuration\.md/),
      ]);
    });

    it('a variable of ours that holds the link of another service', () => {
      expect(load({ SERVER_PORT: 'tcp://10.0.0.7:8080' }).server.port).toBe(8080);
      expect(warnings).toEqual([expect.stringMatching(/^SERVER_PORT is ignored: .*Kubernetes/)]);
    });

    it('nothing that the configuration names', () => {
      const endpoint = { ...ENDPOINT, api_key_env: 'SERVER_GPU_KEY' };
      load({
        SERVER_GPU_KEY: 'secret',
        ENDPOINTS: JSON.stringify([endpoint]),
        DATABASE_PW: 'x',
        DATABASE_HOST: 'h',
        DATABASE_PASSWORD_ENV: 'DATABASE_PW',
      });
      expect(warnings).toEqual([]);
    });

    it('a base URL that does not end in /v1', () => {
      load({ ENDPOINTS: JSON.stringify([{ ...ENDPOINT, base_url: 'http://127.0.0.1:8000' }]) });
      expect(warnings[0]).toMatch(/gpu-1.*\/v1/);
    });

    it('roles shared with other processes on servers that those do not know', () => {
      load({ LLMQ_ROLES: 'api, worker' });
      expect(warnings[0]).toMatch(
        /a NATS server and a PostgreSQL of its own.*Set NATS_URL and DATABASE_URL to/,
      );
      warnings.length = 0;
      load({ LLMQ_ROLES: 'api, worker', NATS_URL: 'nats://127.0.0.1:4222' });
      expect(warnings[0]).toMatch(
        /a PostgreSQL of its own.*Set DATABASE_URL to .*llmq -- status --show-secrets/,
      );
      expect(warnings[0]).not.toContain('NATS_URL');
      warnings.length = 0;
      load({ LLMQ_ROLES: 'api,worker,projector' });
      load({ LLMQ_ROLES: '-worker', SCHEDULER_ENABLED: 'true', SCHEDULER_ACTUATOR: 'processes' });
      expect(warnings).toEqual([]);
    });

    it('fallbacks that no endpoint of the file serves', () => {
      load(
        {},
        'endpoints: [{name: one, base_url: "http://127.0.0.1:2/v1", models: [a]}]\nloadbalancer: {context_window_fallbacks: {a: [b]}}\n',
      );
      expect(warnings).toEqual([expect.stringMatching(/^loadbalancer\.context_window_fallbacks names b, /)]);
    });
  });
});
