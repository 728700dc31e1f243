import { ConfigError } from '../../platform/config/config.error.js';
import { configSchema } from '../../platform/config/config.schema.js';
import type { Role, ServiceConfig } from '../../platform/config/service-config.js';
import { configuredDescriptions, configuredEndpoints, settingsOf } from './configured-endpoints.js';

const DEMO_URL = 'http://127.0.0.1:1/v1';
const keyed = { name: 'own', base_url: 'http://127.0.0.1:2/v1', models: ['a', 'b'], api_key_env: 'OWN_KEY' };

function config(settings: object, roles: Role[] = ['worker']): ServiceConfig {
  return {
    ...configSchema.parse(settings),
    ...{ roles: new Set(roles), dataDir: '/nowhere', configFile: '/nowhere/config.yaml' },
  };
}

function made(
  settings: object,
  env: NodeJS.ProcessEnv = {},
  demoUrl: string | null = DEMO_URL,
  roles?: Role[],
) {
  const endpoints = configuredEndpoints(config(settings, roles), env, demoUrl);
  return endpoints.map(({ name, models, maxConcurrency }) => ({ name, models, maxConcurrency }));
}

describe('configuredEndpoints', () => {
  it('is the demo endpoint where none is configured', () => {
    expect(made({})).toEqual([
      { name: 'demo', models: ['demo', 'demo-fast', 'demo-slow'], maxConcurrency: 64 },
    ]);
  });

  it('is nothing where the demo is off, or was not started', () => {
    expect(made({ demo: { enabled: false } })).toEqual([]);
    expect(made({}, {}, null)).toEqual([]);
  });

  it('is what is configured, and then no demo', () => {
    expect(made({ endpoints: [{ ...keyed, max_concurrency: 3 }] }, { OWN_KEY: 'sk-1' })).toEqual([
      { name: 'own', models: ['a', 'b'], maxConcurrency: 3 },
    ]);
  });

  it('tells the registry what the file says of an endpoint and of its models', () => {
    const model = { name: 'big', upstream: 'maker/big', context_tokens: 8_192, capabilities: ['tools'] };
    const priced = { ...model, price: { input: 0.5, output: 1.5 } };
    const one = { ...keyed, models: ['a', priced], weight: 3, group: 'backup', rpm: 60 };
    const [own] = configuredDescriptions(config({ endpoints: [one] }), null);
    const settings = settingsOf(own!);
    expect(settings).toMatchObject({ places: 8, weight: 3, group: 'backup', rpm: 60, tpm: null });
    expect(settings?.models).toEqual([
      ...[
        {
          name: 'a',
          upstream: 'a',
          contextTokens: null,
          maxOutputTokens: null,
          capabilities: [],
          price: null,
        },
      ],
      {
        ...{ name: 'big', upstream: 'maker/big', contextTokens: 8_192, maxOutputTokens: null },
        ...{ capabilities: ['tools'], price: { input: 0.5, output: 1.5, cached: null } },
      },
    ]);
    expect(made({ endpoints: [one] }, { OWN_KEY: 'k' })[0]?.models).toEqual(['a', 'big']);
  });

  it.each([
    ['missing', undefined],
    ['empty', ' \n'],
    ['with a space', 'sk 1'],
  ])('refuses a key that is %s, naming endpoint and variable but never the key', (_what, key) => {
    const make = () => made({ endpoints: [keyed] }, { OWN_KEY: key });
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(/own.*OWN_KEY/);
    expect(make).not.toThrow(/sk 1/);
  });

  it('takes a key with the line break that files end in', () => {
    expect(made({ endpoints: [keyed] }, { OWN_KEY: 'sk-1\n' })).toHaveLength(1);
  });

  it('needs no key in a process that calls no endpoint', () => {
    expect(made({ endpoints: [keyed] }, {}, null, ['api'])).toHaveLength(1);
  });
});
