import { BROUGHT_KEYS, broughtKey, broughtVariable } from './brought-names.policy.js';
import { schemaAt } from './settings.js';

describe('names that are brought along', () => {
  const keys = Object.entries(BROUGHT_KEYS);

  it('lead to keys that there are, or to a sentence', () => {
    const wrong = keys.filter(([, written]) =>
      /^[a-z]/.test(written)
        ? schemaAt(written.split(',')[0]!.split('.')) === null
        : !/^[A-Z].*\.$/.test(written),
    );
    expect(wrong).toEqual([]);
  });

  it('are none of ours', () => {
    expect(keys.filter(([key]) => schemaAt(key.split('.')) !== null)).toEqual([]);
  });

  it('are told with ours beside them', () => {
    expect(broughtKey(['database.postgres.host', 'database.postgres.pool.max_open_conns'])).toBe(
      'Write database.host for database.postgres.host, database.pool_size for database.postgres.pool.max_open_conns.',
    );
    expect(broughtKey(['redis.addr', 'redis.db'])).toBe(
      'There is no Redis here; what waits is in NATS, see nats.url.',
    );
    expect(broughtKey(['database.postgres.host', 'database.redis.db'])).toMatch(
      /^Write database\.host for .* Redis/,
    );
    expect(broughtKey(['server.prot'])).toBeNull();
  });

  it.each([
    ['LOADBALANCER_ALGORITHM', 'Write LOADBALANCER_STRATEGY.'],
    ['DATABASE_POSTGRES_HOST', 'Write DATABASE_HOST.'],
    ['DATABASE_POSTGRES_PASSWORD', 'Write DATABASE_PASSWORD.'],
    ['DATABASE_REDIS_ADDR', 'There is no Redis here; what waits is in NATS, see nats.url.'],
    ['QUEUE_DEFAULT_CAPACITY', 'Write QUEUE_LEVELS_NORMAL_MAX_SIZE.'],
    ['DB_HOST', 'Write DATABASE_HOST.'],
    ['REDIS_URL', null],
    ['SERVER_PORT', null],
  ])('tells of the variable %s: %s', (name, said) => {
    expect(broughtVariable(name)).toBe(said);
  });
});
