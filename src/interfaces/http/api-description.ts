import type { OpenAPIObject } from '@nestjs/swagger';
import { MAX_KEY_LENGTH } from '../../submission/idempotency/reservation.policy.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Parameter = NonNullable<Operation['parameters']>[number] & { name: string; in: string; schema?: Schema };
interface Schema {
  nullable?: boolean;
  enum?: unknown[];
  format?: string;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
/** Whose ids are UUIDs, and told to be malformed if they are none. */
const UUID_IN_PATH =
  /^\/api\/v1\/(messages|conversations|admin\/dead-letters)\/\{id\}(?!\/events$)|^\/api\/v1\/messages\/\{id\}\/events$/;

/** The key is read by a hook in front of the routes, so that no controller could forget it; none of them declares it. */
const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header' as const,
  required: false,
  schema: { type: 'string', minLength: 1, maxLength: MAX_KEY_LENGTH },
  description:
    'One for each request, within a tenant and a route. With the same body the first response comes again ' +
    '(`idempotency-replayed: true`), with another it is `422 idempotency_key_reused`. The header `idempotency-key-ttl` ' +
    'of the answer tells how long, in seconds.',
};

const nullableText = { type: 'string', nullable: true };
const OPENAI_ERROR = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string' },
        type: { type: 'string', example: 'invalid_request_error' },
        param: { ...nullableText, description: 'The field that is wrong' },
        code: { ...nullableText, description: "The endpoint's own where it failed, else ours" },
        llmq_code: { type: 'string', description: "The queue's code, beside an endpoint's" },
        message_id: { type: 'string', format: 'uuid', description: 'The message that failed' },
      },
    },
  },
};

/** What holds for many routes at once, and what decorators can't say, put into the description that was made of them. */
export function completed(document: OpenAPIObject): OpenAPIObject {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation === undefined) continue;
      if (method === 'post') operation.parameters = [...(operation.parameters ?? []), IDEMPOTENCY_KEY];
      for (const parameter of operation.parameters ?? []) correct(parameter as Parameter, path);
      if (path.startsWith('/v1/')) operation.responses = { ...operation.responses, default: openAiError() };
    }
  }
  const schemas = { ...document.components?.schemas, OpenAiError: OPENAI_ERROR };
  for (const schema of Object.values(schemas)) for (const inner of schemasIn(schema)) takeNull(inner);
  return { ...document, components: { ...document.components, schemas } } as OpenAPIObject;
}

function correct(parameter: Parameter, path: string): void {
  // A query has no null: what is nullable in a class's field is left out there.
  if (parameter.in === 'query' && parameter.schema !== undefined) delete parameter.schema.nullable;
  if (parameter.in === 'path' && parameter.name === 'id' && UUID_IN_PATH.test(path)) {
    parameter.schema = { ...parameter.schema, format: 'uuid' };
  }
}

function openAiError() {
  const schema = { $ref: '#/components/schemas/OpenAiError' };
  return { description: "Refused or failed, in OpenAI's form", content: { 'application/json': { schema } } };
}

/** In OpenAPI 3.0 an enum must name null itself. */
function takeNull(schema: Schema): void {
  if (schema.nullable === true && schema.enum?.includes(null) === false) schema.enum = [...schema.enum, null];
}

function* schemasIn(value: unknown): Generator<Schema> {
  if (typeof value !== 'object' || value === null) return;
  yield value as Schema;
  for (const inner of Object.values(value)) yield* schemasIn(inner);
}
