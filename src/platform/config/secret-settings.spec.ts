import { configSchema } from './config.schema.js';
import { mayTellWrong, TEXT_LISTS, tellingOf, textsIn } from './secret-settings.js';

describe('the texts of the configuration', () => {
  it('are each on one list, and nothing else is', () => {
    const texts = [...new Set(textsIn(configSchema, ''))];
    expect(TEXT_LISTS.flatMap((list) => [...list]).sort()).toEqual(texts.sort());
  });

  it('are secret until they are named', () => {
    expect(tellingOf('server.host')).toBe('told');
    expect(tellingOf('database.url')).toBe('address');
    expect(tellingOf('database.password')).toBe('secret');
    expect(tellingOf('server.of_a_later_version')).toBe('secret');
  });
});

it.each([
  [['server', 'port'], true],
  [['server', 'host'], true],
  [['queue', 'default_priority'], true],
  [['endpoints', 0, 'name'], true],
  [['endpoints', 0, 'models', 1, 'upstream'], true],
  [['loadbalancer', 'fallbacks', 'a', 0], true],
  // The secret in the place of its name.
  [['database', 'password_env'], false],
  [['nats', 'publishers', 0, 'nkey'], false],
  [['endpoints', 0, 'headers', 'x-key'], false],
  [['database', 'user'], false],
  [['database', 'url'], false],
  [['webhooks', 'secrets', 0], false],
  [['webhooks', 'secrets'], false],
  // A URL with its password, in the place of a section.
  [['database'], false],
  [['scheduler'], true],
  [['constructor'], false],
  [['server', 'of_a_later_version'], false],
  [[], false],
] as const)('a wrong value at %j may be told: %s', (path, may) => expect(mayTellWrong(path)).toBe(may));
