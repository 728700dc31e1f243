import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { namesNatsUrl, natsIsElsewhere } from './nats-url.js';

describe('a NATS server in config.yaml', () => {
  it.each([
    'nats:\n  url: nats://host:4222\n',
    'server:\n  port: 1\nnats: # ours\n  replicas: 3\n  url: "nats://a,nats://b"\nqueue: {}\n',
    'nats: { url: nats://host:4222 }',
    '"nats": {"replicas": 3, "url": "nats://host"}',
  ])('is seen in %j', (yaml) => {
    expect(namesNatsUrl(yaml)).toBe(true);
  });

  it.each([
    '',
    'nats:\n  replicas: 3\n',
    'nats:\n  url: ""\n',
    'nats:\n  # url: nats://host\n',
    'nats:\n  replicas: 1\ndatabase:\n  url: postgres://host/db\n',
    '#nats:\n#  url: nats://host\n',
  ])('is not seen in %j', (yaml) => {
    expect(namesNatsUrl(yaml)).toBe(false);
  });

  describe('of a start', () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'llmq-nats-url-'));
      writeFileSync(join(folder, 'own.yaml'), 'nats: {url: nats://host}');
      writeFileSync(join(folder, 'none.yaml'), 'server: {port: 1}');
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    it.each<[NodeJS.ProcessEnv, string[], boolean]>([
      [{ NATS_URL: 'nats://host', LLMQ_CONFIG: 'none.yaml' }, [], true],
      [{ NATS_URL: '', LLMQ_CONFIG: '/nowhere' }, [], false],
      [{ NATS_URL: '', LLMQ_CONFIG: 'own.yaml' }, [], true],
      [{}, [], false],
      [{ LLMQ_CONFIG: 'none.yaml' }, ['--config', 'own.yaml'], true],
      [{ LLMQ_CONFIG: 'own.yaml' }, ['events', '--config=none.yaml'], false],
      [{}, ['--config'], false],
    ])('is looked for with %j and %j: %s', (env, args, elsewhere) => {
      expect(natsIsElsewhere(env, args, folder)).toBe(elsewhere);
    });

    it('is looked for in the config.yaml of the folder where nothing else is named', () => {
      writeFileSync(join(folder, 'config.yaml'), 'nats: {url: nats://host}');
      expect(natsIsElsewhere({}, [], folder)).toBe(true);
      expect(natsIsElsewhere({ LLMQ_CONFIG: 'none.yaml' }, [], folder)).toBe(false);
    });
  });
});
