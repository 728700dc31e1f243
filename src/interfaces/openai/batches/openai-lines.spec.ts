import { describe, expect, it } from '@jest/globals';
import { LOCAL_CALLER } from '../../../domain/caller.js';
import { configSchema } from '../../../platform/config/config.schema.js';
import { OpenAiLines } from './openai-lines.js';

const lines = new OpenAiLines({
  ...configSchema.parse({}),
  ...{ roles: new Set(), dataDir: '/nowhere', configFile: '/nowhere/config.yaml' },
});

const read = (body: object) =>
  lines.read(
    Buffer.from(JSON.stringify({ custom_id: 'a', body: { model: 'm', input: 'Hi', ...body } })),
    '/v1/responses',
    LOCAL_CALLER,
  );

describe('a line that asks for a response', () => {
  it('is a message of the lane low, as the route makes it', () => {
    expect(read({ instructions: 'Be short.', max_output_tokens: 5, service_tier: 'priority' })).toEqual({
      customId: 'a',
      submission: expect.objectContaining({
        ...{ requestedPriority: 'low', callbackUrl: null, stream: false, conversationId: null },
        request: expect.objectContaining({
          ...{ model: 'm', messages: [{ role: 'user', content: 'Hi' }], instructions: 'Be short.' },
          response: expect.objectContaining({ background: false, store: true }),
        }),
      }),
    });
  });

  it.each([
    [{ stream: true }, 'stream'],
    [{ background: true }, 'background'],
    [{ store: false }, 'store'],
    [{ previous_response_id: 'resp_019b0000-0000-7000-8000-000000000000' }, 'previous_response_id'],
    [{ conversation: 'conv_x' }, 'conversation'],
    [{ input: [{ type: 'item_reference', id: 'msg_x' }] }, 'input'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ input: undefined }, 'input'],
  ])('is refused with the name of what it may not ask for: %j', (body, field) => {
    expect(read(body)).toEqual({
      problems: [
        { code: 'invalid_request', message: expect.stringContaining(field), param: `body.${field}` },
      ],
    });
  });
});
