/** What clients of OpenAI's Responses API send and read, in JSON Schema. Open, as the other schemas of OpenAI's are. */
type Properties = Readonly<Record<string, object>>;

const string = { type: 'string' } as const;
const integer = { type: 'integer' } as const;
const orNull = (schema: { readonly type: string }) => ({ ...schema, type: [schema.type, 'null'] });
const listOf = (items: object) => ({ type: 'array', items });
const object = { type: 'object', additionalProperties: true } as const;

function open(required: readonly string[], properties: Properties, more: object = {}) {
  return { type: 'object', required, properties, additionalProperties: true, ...more };
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const orNothing = (name: string) => ({ anyOf: [ref(name), { type: 'null' }] });

export type ResponsesSchemaName = keyof typeof RESPONSES_SCHEMAS;

export function responsesRef(name: ResponsesSchemaName): { $ref: string } {
  return ref(name);
}

export const RESPONSES_SCHEMAS = {
  ResponseItem: open(
    [],
    {
      id: string,
      type: string,
      role: string,
      status: string,
      call_id: string,
      name: string,
      arguments: string,
    },
    {
      description:
        'A `message`, a `reasoning`, a `function_call` or a `function_call_output`; in an input also an ' +
        '`item_reference` to an item that was stored',
    },
  ),
  ResponseUsage: open(['input_tokens', 'output_tokens', 'total_tokens'], {
    input_tokens: integer,
    input_tokens_details: object,
    output_tokens: integer,
    output_tokens_details: object,
    total_tokens: integer,
  }),
  Response: open(
    ['id', 'object', 'created_at', 'status', 'model', 'output', 'error', 'incomplete_details', 'metadata'],
    {
      id: { ...string, description: '`resp_` and the id of the message' },
      object: { ...string, enum: ['response'] },
      created_at: { ...integer, description: 'Seconds since the epoch' },
      completed_at: orNull(integer),
      status: {
        ...string,
        enum: ['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled'],
      },
      model: string,
      output: listOf(ref('ResponseItem')),
      error: { anyOf: [open(['code', 'message'], { code: string, message: string }), { type: 'null' }] },
      incomplete_details: { anyOf: [open(['reason'], { reason: string }), { type: 'null' }] },
      instructions: orNull(string),
      metadata: object,
      previous_response_id: orNull(string),
      conversation: { anyOf: [open(['id'], { id: string }), { type: 'null' }] },
      background: { type: 'boolean' },
      store: { type: 'boolean' },
      service_tier: string,
      tools: listOf(object),
      usage: orNothing('ResponseUsage'),
    },
  ),
  ResponseEvent: open(
    ['type', 'sequence_number'],
    {
      type: { ...string, example: 'response.output_text.delta' },
      sequence_number: { ...integer, description: 'From 0; `starting_after` goes on behind it' },
      response: ref('Response'),
      item: ref('ResponseItem'),
      delta: string,
    },
    { description: 'One event of a stream' },
  ),
  ResponseItemList: open(['object', 'data', 'first_id', 'last_id', 'has_more'], {
    object: { ...string, enum: ['list'] },
    data: listOf(ref('ResponseItem')),
    first_id: orNull(string),
    last_id: orNull(string),
    has_more: { type: 'boolean' },
  }),
  OpenAiConversation: open(['id', 'object', 'created_at', 'metadata'], {
    id: {
      ...string,
      description: '`conv_` and the id of the conversation, or the one that its client gave it',
    },
    object: { ...string, enum: ['conversation'] },
    created_at: { ...integer, description: 'Seconds since the epoch' },
    metadata: object,
  }),
  DeletedConversation: open(['id', 'object', 'deleted'], {
    id: string,
    object: { ...string, enum: ['conversation.deleted'] },
    deleted: { type: 'boolean' },
  }),
  DeletedResponse: open(['id', 'object', 'deleted'], {
    id: string,
    object: { ...string, enum: ['response'] },
    deleted: { type: 'boolean' },
  }),
} as const;
