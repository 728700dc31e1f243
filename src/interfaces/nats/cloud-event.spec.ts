import { describe, expect, it } from '@jest/globals';
import { headers } from '@nats-io/transport-node';
import { readPayload } from './cloud-event.js';

const body = { user_id: 'u', content: 'x' };
const event = { specversion: '1.0', id: '7', source: '/s', type: 't', data: body };
const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=1' };
const UUID = '01976e2c-5a00-7000-8000-000000000001';

function sent(entries: Record<string, string>) {
  const all = headers();
  for (const [name, value] of Object.entries(entries)) all.set(name, value);
  return all;
}
const codeOf = (value: unknown, entries: Record<string, string> = {}) => {
  const payload = readPayload(value, sent(entries));
  return 'refusal' in payload ? payload.refusal.message : null;
};

describe('a payload', () => {
  it('is a plain body, which names nothing', () => {
    expect(readPayload(body, undefined)).toEqual({ read: { body, name: null, trace: {} } });
    expect(readPayload(body, sent(trace))).toMatchObject({ read: { trace } });
    expect(readPayload(body, sent({ traceparent: 'x' }))).toMatchObject({ read: { trace: {} } });
  });

  it('is a CloudEvent in structured mode, named by its source and id, or by an id that is a UUID', () => {
    expect(readPayload(event, undefined)).toMatchObject({ read: { body, name: '["/s","7"]' } });
    expect(readPayload({ ...event, id: UUID }, undefined)).toMatchObject({ read: { name: UUID } });
    expect(readPayload({ ...event, ...trace }, undefined)).toMatchObject({ read: { trace } });
  });

  it('is a CloudEvent in binary mode', () => {
    const attributes = { 'ce-specversion': '1.0', 'ce-id': '7', 'ce-source': '/s', 'ce-type': 't' };
    expect(readPayload(body, sent(attributes))).toMatchObject({ read: { body, name: '["/s","7"]' } });
    const traced = { ...attributes, 'ce-traceparent': trace.traceparent, 'ce-tracestate': trace.tracestate };
    expect(readPayload(body, sent(traced))).toMatchObject({ read: { trace } });
    expect(codeOf(body, { ...attributes, 'ce-specversion': '0.3' })).toMatch(/^specversion must be/);
  });

  it.each([
    [{ ...event, specversion: '0.3' }, 'specversion must be "1.0"'],
    [{ ...event, id: '' }, 'id is missing'],
    [{ ...event, source: 7 }, 'source is missing'],
    [{ ...event, type: undefined }, 'type is missing'],
    [{ ...event, data_base64: 'eA==' }, 'data_base64 must be absent'],
  ])('%j is refused: %s', (value, reason) => {
    expect(codeOf(value)).toContain(reason);
  });

  it('says that it is a CloudEvent, and is none', () => {
    expect(codeOf([1], { 'content-type': 'application/cloudevents+json' })).toContain('must be a CloudEvent');
  });
});
