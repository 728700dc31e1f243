import fc from 'fast-check';
import { strangeVariables } from './strange-variables.policy.js';

const KNOWN = [
  'SERVER_PORT',
  'DATABASE_URL',
  'DATABASE_HOST',
  'NATS_URL',
  'QUEUE_DEFAULT_MAX_RETRIES',
  'LLMQ_KEY',
];
const OURS = {
  ...{ known: KNOWN, sections: ['SERVER', 'DATABASE', 'NATS', 'QUEUE', 'LLMQ'] },
  ...{ named: new Set(['DATABASE_SECRET']), embedded: ['DATABASE', 'NATS'] },
};
const looked = (env: Record<string, string>, embedded = OURS.embedded) =>
  strangeVariables(env, { ...OURS, embedded });

describe('variables that look like ours', () => {
  it.each([
    ['SERVER_PROT', 'Write SERVER_PORT.'],
    ['DATABASE_POSTGRES_PORT', 'Write DATABASE_PORT.'],
    ['METRICS_PATH', 'it is /metrics'],
    ['QUEUE_MAX_RETRIES', 'Write QUEUE_DEFAULT_MAX_RETRIES.'],
    ['NATS_CONTEXT', 'docs/configuration.md lists those that begin with NATS_.'],
    ['LLMQ_KEYS', 'Write LLMQ_KEY.'],
  ])('are told: %s', (name, instead) => {
    expect(looked({ [name]: '1' })).toEqual({ problems: [], warnings: [expect.stringContaining(instead)] });
  });

  it.each(['DATABASE_POSTGRES_HOST', 'DATABASE_DSN', 'DATABSE_URL', 'DB_NAME', 'NATS_SERVERS', 'NATS_HOST'])(
    'stop a start on an empty server, and no other: %s',
    (name) => {
      expect(looked({ [name]: 'hunter2' })).toEqual({
        problems: [expect.stringMatching(/on an empty embedded .*or unset/)],
        warnings: [],
      });
      expect(looked({ [name]: 'hunter2' }, [])).toMatchObject({
        problems: [],
        warnings: [expect.any(String)],
      });
    },
  );

  it.each([
    ['KUBERNETES_SERVICE_HOST', '10.0.0.1'],
    ['NATS_SERVICE_HOST', '10.0.0.1'],
    ['NATS_PORT', 'tcp://10.0.0.1:4222'],
    ['DATABASE_PORT_5432_TCP_ADDR', '10.0.0.1'],
    ['DATABASE_SECRET', 'x'],
    ['DATABASE_DSN', ''],
    ['HOME', '/root'],
    ['MY_APP_DATABASE', 'x'],
  ])('are not: %s=%s', (name, value) => {
    expect(looked({ [name]: value })).toEqual({ problems: [], warnings: [] });
  });

  it('are never told with their values', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^(DATABASE|NATS|SERVER|DB)_[A-Z_]{1,12}$/), (name) => {
        const { problems, warnings } = looked({ [name]: 'hunter2' });
        expect([...problems, ...warnings].join()).not.toContain('hunter2');
      }),
    );
  });
});
