import { BATCH_ENDPOINTS, BATCH_STATUSES } from '../../operations/batches/batch.state.js';

/**
 * What OpenAI's clients send and read, in JSON Schema as OpenAPI 3.1 has it. These are no classes, since they are open:
 * whatever a client adds goes to the endpoint, and whatever an endpoint adds comes back.
 */
type Properties = Readonly<Record<string, object>>;

const string = { type: 'string' } as const;
const integer = { type: 'integer' } as const;
const orNull = (schema: { readonly type: string }) => ({ ...schema, type: [schema.type, 'null'] });
const listOf = (items: object) => ({ type: 'array', items });
const always = (...values: string[]) => ({ ...string, enum: values });
const any = {};
const RESULT_FILE =
  'Is there soon after the first line of the file has ended: while the batch runs, the file has the lines so far';

export type SchemaName = keyof typeof OPENAI_SCHEMAS;

export function schemaRef(name: SchemaName): { $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

function open(required: readonly string[], properties: Properties, more: object = {}) {
  return { type: 'object', required, properties, additionalProperties: true, ...more };
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
/** A page of a list, as OpenAI's newer lists have it. */
const page = (name: string) => ({
  type: 'object',
  required: ['object', 'data', 'first_id', 'last_id', 'has_more'],
  properties: {
    object: always('list'),
    data: listOf(ref(name)),
    first_id: orNull(string),
    last_id: orNull(string),
    has_more: { type: 'boolean' },
  },
});
const orNothing = (name: string) => ({ anyOf: [ref(name), { type: 'null' }] });

/** What each answer and each piece of one says. */
const FRAME: Properties = {
  id: string,
  created: { ...integer, description: 'Seconds since the epoch' },
  model: { ...string, description: 'Who speaks, by the name that the endpoint gives' },
  service_tier: { ...string, description: 'The lane, in words of OpenAI: `priority`, `default` or `flex`' },
  llmq_usage: {
    ...always('estimated'),
    description: 'The service counted, since the endpoint told no usage',
  },
};
const FRAMED = ['id', 'object', 'created', 'model', 'choices', 'service_tier'];

/** Of a choice. */
const LOGPROBS = { description: 'As the endpoint told them' };
const finishReason = orNull(string);

export const OPENAI_SCHEMAS = {
  OpenAiError: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['message', 'type', 'param', 'code'],
        properties: {
          message: string,
          type: { ...string, example: 'invalid_request_error' },
          param: { ...orNull(string), description: 'The field that is wrong' },
          code: { ...orNull(string), description: "The endpoint's own where it failed, else ours" },
          llmq_code: { ...string, description: "The queue's code, beside an endpoint's" },
          message_id: { ...string, format: 'uuid', description: 'The message that failed' },
        },
      },
    },
  },
  ChatMessage: open(
    ['role'],
    {
      role: { ...string, minLength: 1, example: 'user' },
      content: {
        anyOf: [string, listOf(ref('ChatContentPart')), { type: 'null' }],
        description: 'A text, or parts: texts, pictures, audio, files',
      },
      name: string,
      tool_calls: { anyOf: [listOf(ref('ToolCall')), { type: 'null' }] },
      tool_call_id: { ...string, description: 'Of a result: the call that it belongs to' },
    },
    {
      description: "A message of a chat in OpenAI's form. Only its role is checked; the rest is the model's",
    },
  ),
  ChatContentPart: open(['type'], { type: { ...string, example: 'text' }, text: string }),
  ToolCall: open([], {
    index: integer,
    id: orNull(string),
    type: orNull(string),
    function: open([], { name: orNull(string), arguments: orNull(string) }),
  }),
  TokenUsage: open(['prompt_tokens'], {
    prompt_tokens: integer,
    completion_tokens: integer,
    total_tokens: integer,
    prompt_tokens_details: orNull({ type: 'object' }),
    completion_tokens_details: orNull({ type: 'object' }),
  }),
  ChatCompletion: open(FRAMED, {
    ...FRAME,
    object: always('chat.completion'),
    choices: listOf(
      open(['index', 'message', 'finish_reason'], {
        index: integer,
        message: ref('ChatMessage'),
        logprobs: LOGPROBS,
        finish_reason: finishReason,
      }),
    ),
    usage: ref('TokenUsage'),
    metadata: orNull({ type: 'object' }),
  }),
  ChatCompletionChunk: open(FRAMED, {
    ...FRAME,
    object: always('chat.completion.chunk'),
    choices: listOf(
      open(['index', 'delta', 'finish_reason'], {
        index: integer,
        delta: open([], { role: string, content: orNull(string), tool_calls: listOf(ref('ToolCall')) }),
        logprobs: LOGPROBS,
        finish_reason: finishReason,
      }),
    ),
    usage: orNothing('TokenUsage'),
  }),
  TextCompletion: open(
    FRAMED,
    {
      ...FRAME,
      object: always('text_completion'),
      choices: listOf(
        open(['index', 'text', 'finish_reason'], {
          index: integer,
          text: string,
          logprobs: LOGPROBS,
          finish_reason: finishReason,
        }),
      ),
      usage: orNothing('TokenUsage'),
    },
    { description: 'A whole text, or a piece of one' },
  ),
  EmbeddingList: open(['object', 'data', 'model', 'service_tier'], {
    object: always('list'),
    data: listOf(
      open(['embedding'], {
        object: string,
        index: integer,
        embedding: {
          anyOf: [listOf({ type: 'number', format: 'double' }), string],
          description: 'Numbers, or a text where `encoding_format` is `base64`',
        },
      }),
    ),
    model: string,
    usage: ref('TokenUsage'),
    service_tier: FRAME['service_tier']!,
    llmq_usage: FRAME['llmq_usage']!,
  }),
  Model: {
    type: 'object',
    required: ['id', 'object', 'created', 'owned_by'],
    properties: { id: string, object: always('model'), created: integer, owned_by: string },
  },
  ModelList: {
    type: 'object',
    required: ['object', 'data'],
    properties: { object: always('list'), data: listOf(ref('Model')) },
  },
  File: {
    type: 'object',
    required: ['id', 'object', 'bytes', 'created_at', 'filename', 'purpose', 'status'],
    properties: {
      id: string,
      object: always('file'),
      bytes: integer,
      created_at: { ...integer, description: 'Seconds since the epoch' },
      expires_at: { ...integer, description: 'Absent where it is kept until it is deleted' },
      filename: string,
      purpose: always('batch', 'batch_output'),
      status: {
        ...always('processed', 'uploaded'),
        description: '`uploaded`: results of a batch that has not ended, whose `bytes` are 0 until then',
      },
    },
  },
  FileList: page('File'),
  FileDeleted: {
    type: 'object',
    required: ['id', 'object', 'deleted'],
    properties: { id: string, object: always('file'), deleted: { type: 'boolean' } },
  },
  NewBatch: {
    type: 'object',
    required: ['input_file_id', 'endpoint', 'completion_window'],
    additionalProperties: true,
    properties: {
      input_file_id: string,
      endpoint: always(...BATCH_ENDPOINTS),
      completion_window: { ...string, example: '24h', description: 'As a duration, of 7 days at most' },
      metadata: { type: ['object', 'null'], additionalProperties: string },
      output_expires_after: {
        type: ['object', 'null'],
        properties: { anchor: always('created_at'), seconds: integer },
      },
    },
  },
  Batch: {
    type: 'object',
    required: ['id', 'object', 'endpoint', 'input_file_id', 'completion_window', 'status', 'created_at'],
    properties: {
      id: string,
      object: always('batch'),
      endpoint: always(...BATCH_ENDPOINTS),
      model: { ...orNull(string), description: 'The only one that its lines ask for' },
      errors: {
        type: ['object', 'null'],
        description: 'Why it failed',
        properties: {
          object: always('list'),
          data: listOf({
            type: 'object',
            properties: {
              code: string,
              message: string,
              param: orNull(string),
              line: { ...orNull(integer), description: 'Counted from 1' },
            },
          }),
        },
      },
      input_file_id: string,
      completion_window: string,
      status: always(...BATCH_STATUSES),
      output_file_id: { ...orNull(string), description: RESULT_FILE },
      error_file_id: { ...orNull(string), description: RESULT_FILE },
      created_at: integer,
      expires_at: integer,
      ...Object.fromEntries(
        BATCH_STATUSES.filter((status) => status !== 'validating').map((status) => [
          `${status}_at`,
          orNull(integer),
        ]),
      ),
      request_counts: {
        type: 'object',
        properties: { total: integer, completed: integer, failed: integer },
      },
      usage: {
        type: ['object', 'null'],
        properties: {
          input_tokens: integer,
          input_tokens_details: { type: 'object', properties: { cached_tokens: integer } },
          output_tokens: integer,
          output_tokens_details: { type: 'object', properties: { reasoning_tokens: integer } },
          total_tokens: integer,
        },
      },
      metadata: { type: ['object', 'null'], additionalProperties: string },
    },
  },
  BatchList: page('Batch'),
  /** A text or its tokens, or a list of either. */
  TextOrTokens: { anyOf: [string, { type: 'array', items: any, minItems: 1 }] },
} as const;
