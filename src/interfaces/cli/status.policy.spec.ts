import { describe, expect, it } from '@jest/globals';
import { quoted, type Status, statusJson, statusText } from './status.policy.js';

const status: Status = {
  configuration: '/srv/config.yaml',
  service: 'http://127.0.0.1:8080 (ready)',
  servers: [
    {
      ...{ name: 'NATS', address: 'nats://127.0.0.1:4222', state: 'embedded, running', note: null },
      look: ['nats --context llmq stream ls'],
      logins: [{ what: 'to read', user: 'llmq_read', password: 'hunter2' }],
    },
    {
      ...{ name: 'PostgreSQL', address: 'embedded', state: 'starts with the service' },
      look: [],
      logins: [],
      note: null,
    },
  ],
};

describe('the status of a service', () => {
  it('tells where all is and how to look, without secrets unless they are asked for', () => {
    expect(statusText(status, false)).toBe(`configuration  /srv/config.yaml
service        http://127.0.0.1:8080 (ready)
NATS           nats://127.0.0.1:4222 (embedded, running)
PostgreSQL     embedded (starts with the service)

To look at NATS:
  nats --context llmq stream ls

Passwords are not shown; --show-secrets shows them.
`);
    const shown = statusText(status, true);
    expect(shown).toContain('to read: user llmq_read, password hunter2');
    expect(shown).not.toContain('--show-secrets');
  });

  it('has the same for programs', () => {
    expect(JSON.stringify(statusJson(status, false))).not.toContain('hunter2');
    expect(statusJson(status, true)).toMatchObject({
      service: 'http://127.0.0.1:8080 (ready)',
      servers: [{ name: 'NATS', logins: [{ user: 'llmq_read', password: 'hunter2' }] }, { logins: [] }],
    });
  });

  it('quotes what a shell would take apart', () => {
    expect(quoted('/srv/data/run')).toBe('/srv/data/run');
    expect(quoted("it's here")).toBe(`'it'\\''s here'`);
    expect(quoted('a$b')).toBe("'a$b'");
  });
});
