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

  it('is named by the environment first', () => {
    expect(natsIsElsewhere({ NATS_URL: 'nats://host' })).toBe(true);
    expect(natsIsElsewhere({ NATS_URL: '', LLMQ_CONFIG: '/nowhere' })).toBe(false);
    expect(natsIsElsewhere({ LLMQ_CONFIG: '/nowhere' })).toBe(false);
    expect(natsIsElsewhere({})).toBe(false);
  });
});
