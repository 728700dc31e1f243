import { describe, expect, it } from '@jest/globals';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { Controller, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { NatsContext } from '@nestjs/microservices';
import type { ServiceConfig } from '../platform/config/service-config.js';
import { newApiKey } from '../platform/security/api-key.js';
import { CallerProof } from '../platform/security/caller-proof.js';
import { RefusedError } from '../submission/refusal.js';
import { AdminOnly, CallerGuard, callerOf, OperatorOnly } from './caller.guard.js';

const ann = newApiKey({ name: 'ann', role: 'client', tenant: 'acme' });
const bob = newApiKey({ name: 'bob', role: 'admin', tenant: 'acme' });
const eve = newApiKey({ name: 'eve', role: 'viewer', tenant: 'acme' });
const root = newApiKey({ name: 'root', role: 'operator', tenant: 'ops' });

@Controller()
class ForAll {
  all(): void {}
  @AdminOnly()
  adminsOnly(): void {}
  @OperatorOnly()
  operatorsOnly(): void {}
}

@AdminOnly()
@Controller()
class ForAdmins {
  all(): void {}
}

const guardWith = (keys: readonly { config: object }[]) => {
  const config = {
    ...{ server: { host: '127.0.0.1' }, security: { api_keys: keys.map((key) => key.config) } },
    nats: { publishers: [{ name: 'billing', tenant: 'acme', max_priority: 'normal' }] },
  };
  return new CallerGuard(
    new CallerProof(config as unknown as ServiceConfig, { nowMs: () => 0 }),
    new Reflector(),
  );
};
const withKeys = guardWith([ann, bob, eve, root]);
const open = guardWith([]);

type Headers = Record<string, string>;
/** How each protocol brings the same headers, and what the caller is kept on. */
const PROTOCOLS: Record<string, (headers: Headers) => { carrier: object; args: unknown[] }> = {
  http: (headers) => {
    const request = { url: '/api/v1/messages', method: 'POST', headers };
    return { carrier: request, args: [request, {}] };
  },
  ws: (headers) => {
    const client = { handshake: { headers } };
    return { carrier: client, args: [client, { any: 'data' }] };
  },
  rpc: (headers) => {
    const sent = natsHeaders();
    for (const [name, value] of Object.entries(headers)) sent.set(name, value);
    const context = new NatsContext(['llmq.intake.normal', sent]);
    return { carrier: context, args: [{ any: 'data' }, context] };
  },
};

function pass(
  guard: CallerGuard,
  protocol: string,
  headers: Headers,
  of: Type = ForAll,
  handler = 'all',
): object {
  const { carrier, args } = PROTOCOLS[protocol]!(headers);
  const context = new ExecutionContextHost(args, of, of.prototype[handler]);
  context.setType(protocol);
  expect(guard.canActivate(context)).toBe(true);
  return carrier;
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof RefusedError) return error.code;
    throw error;
  }
  return 'none';
}

describe.each(Object.keys(PROTOCOLS))('a caller by %s', (protocol) => {
  const bearer = ({ key }: { key: string }) => ({ authorization: `Bearer ${key}` });

  it('is who holds the key', () => {
    const carrier = pass(withKeys, protocol, bearer(ann));
    expect(callerOf(carrier)).toEqual({ name: 'ann', role: 'client', tenant: 'acme' });
  });

  it('is refused without a key, and with an unknown one', () => {
    expect(codeOf(() => pass(withKeys, protocol, {}))).toBe('unauthorized');
    expect(codeOf(() => pass(withKeys, protocol, { authorization: 'Bearer llmq_no' }))).toBe('unauthorized');
  });

  it('is the local one where there are no keys', () => {
    expect(callerOf(pass(open, protocol, {}))).toMatchObject({ name: 'local', role: 'operator' });
  });

  it('is refused what admins alone may do, unless it is one', () => {
    const asClient = (of: Type, handler: string) =>
      codeOf(() => pass(withKeys, protocol, bearer(ann), of, handler));
    expect(asClient(ForAll, 'adminsOnly')).toBe('forbidden');
    expect(asClient(ForAdmins, 'all')).toBe('forbidden');
    pass(withKeys, protocol, bearer(bob), ForAll, 'adminsOnly');
    pass(withKeys, protocol, bearer(bob), ForAdmins, 'all');
  });

  it('is refused what operators alone may do, an admin too', () => {
    for (const key of [ann, bob]) {
      expect(codeOf(() => pass(withKeys, protocol, bearer(key), ForAll, 'operatorsOnly'))).toBe('forbidden');
    }
    pass(withKeys, protocol, bearer(root), ForAll, 'operatorsOnly');
    pass(withKeys, protocol, bearer(root), ForAdmins, 'all');
    pass(open, protocol, {}, ForAll, 'operatorsOnly');
  });

  it('changes nothing as a viewer', () => {
    expect(codeOf(() => pass(withKeys, protocol, bearer(eve)))).toBe('forbidden');
  });

  it('is found once', () => {
    const { carrier, args } = PROTOCOLS[protocol]!(bearer(ann));
    const context = new ExecutionContextHost(args, ForAll, ForAll.prototype.all);
    context.setType(protocol);
    withKeys.canActivate(context);
    const first = callerOf(carrier);
    // A guard that looked again would find nobody: this one knows no such key.
    guardWith([bob]).canActivate(context);
    expect(callerOf(carrier)).toBe(first);
  });
});

describe.each(['http', 'ws'])('a page of a browser by %s', (protocol) => {
  it('is refused where there are no keys', () => {
    const host = 'localhost:8080';
    expect(codeOf(() => pass(open, protocol, { host: 'evil.example' }))).toBe('foreign_host');
    expect(codeOf(() => pass(open, protocol, { host, origin: 'https://evil.example' }))).toBe(
      'foreign_origin',
    );
  });
});

it('reads as a viewer', () => {
  const request = { url: '/x', method: 'GET', headers: { authorization: `Bearer ${eve.key}` } };
  const context = new ExecutionContextHost([request, {}], ForAll, ForAll.prototype.all);
  context.setType('http');
  expect(withKeys.canActivate(context)).toBe(true);
  expect(callerOf(request)).toMatchObject({ name: 'eve', role: 'viewer' });
});

it('is within the tenant that an operator names, and never in one that another names', () => {
  const named = (key: { key: string }, tenant: string) =>
    pass(withKeys, 'http', { authorization: `Bearer ${key.key}`, 'x-llmq-tenant': tenant });
  expect(callerOf(named(root, 'acme'))).toMatchObject({ name: 'root', tenant: 'acme' });
  expect(callerOf(named(bob, 'acme'))).toMatchObject({ name: 'bob', tenant: 'acme' });
  expect(codeOf(() => named(bob, 'ops'))).toBe('forbidden');
  expect(codeOf(() => named(root, 'no tenant'))).toBe('forbidden');
});

it('takes the name of a NATS header in capitals too', () => {
  const carrier = pass(withKeys, 'rpc', { Authorization: `Bearer ${ann.key}` });
  expect(callerOf(carrier).name).toBe('ann');
});

it('lets everyone ask for health', () => {
  const request = { url: '/health/live', headers: {} };
  const context = new ExecutionContextHost([request, {}], ForAll, ForAll.prototype.all);
  context.setType('http');
  expect(withKeys.canActivate(context)).toBe(true);
  expect(() => callerOf(request)).toThrow('no caller');
});

describe('a NATS message by a publisher', () => {
  const by = (subject: string, guard = withKeys) => {
    const context = new NatsContext([subject, natsHeaders()]);
    const host = new ExecutionContextHost([{}, context], ForAll, ForAll.prototype.all);
    host.setType('rpc');
    return { context, pass: () => guard.canActivate(host) };
  };

  it('has the tenant and the limit of its credentials, whose name the server put into the subject', () => {
    const { context, pass: passed } = by('llmq.publishers.billing.rpc.messages.get');
    expect(passed()).toBe(true);
    expect(callerOf(context)).toEqual({
      ...{ name: 'billing', role: 'client', tenant: 'acme', mostUrgent: 'normal' },
    });
  });

  it('is nobody where the configuration does not name it, with keys and without', () => {
    for (const guard of [withKeys, open]) {
      expect(codeOf(by('llmq.publishers.gone.rpc.messages.get', guard).pass)).toBe('unauthorized');
    }
  });

  it('may not do what needs another role', () => {
    const context = new NatsContext(['llmq.publishers.billing.rpc.x', natsHeaders()]);
    const host = new ExecutionContextHost([{}, context], ForAdmins, ForAdmins.prototype.all);
    host.setType('rpc');
    expect(codeOf(() => withKeys.canActivate(host))).toBe('forbidden');
  });
});
