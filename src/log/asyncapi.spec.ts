import { describe, expect, it } from '@jest/globals';
import { LOG_EVENT_TYPES } from '../domain/log-event.events.js';
import { eventsPart } from './asyncapi.js';

describe("the log's part of the AsyncAPI document", () => {
  it('has every event, on a subject of its own', () => {
    const { channels, operations, messages } = eventsPart();
    const addresses = Object.values(channels).map(({ address }) => address);
    expect(new Set(addresses).size).toBe(LOG_EVENT_TYPES.length);
    expect(Object.keys(operations)).toHaveLength(LOG_EVENT_TYPES.length);
    expect(Object.values(messages).map(({ name }) => name)).toEqual(LOG_EVENT_TYPES);
  });

  it('says that a stored message is one event, or two of which it has the last', () => {
    const { messages, schemas } = eventsPart();
    const any = { $ref: '#/components/schemas/AnyEvent' };
    for (const type of LOG_EVENT_TYPES) {
      const [name, { payload }] = Object.entries(messages).find(([, message]) => message.name === type)!;
      const event = { $ref: `#/components/schemas/${name}` };
      const pair = { type: 'array', items: [any, event], minItems: 2, maxItems: 2 };
      expect(payload).toEqual({ oneOf: [event, pair] });
    }
    expect(schemas['AnyEvent']?.['oneOf']).toHaveLength(LOG_EVENT_TYPES.length);
  });

  it('says what each event must have', () => {
    const { schemas } = eventsPart();
    expect(schemas['MessageCancelled']).toMatchObject({
      type: 'object',
      properties: {
        type: { const: 'llmq.message.cancelled.v1' },
        data: { required: ['by', 'reason'], properties: { by: { type: 'string' } } },
      },
    });
  });
});
