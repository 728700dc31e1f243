import type { OpenAPIObject } from '@nestjs/swagger';
import { MAX_KEY_LENGTH } from '../../submission/idempotency/reservation.policy.js';
import { OPENAI_SCHEMAS } from '../openai/openai.schemas.js';
import { RESPONSES_SCHEMAS } from '../responses/responses.schemas.js';
import { API_TAGS } from './api-tags.js';
import { describedFailure, endpointsOwnFailure, PROBLEM } from './described-failure.js';
import { failuresOf, isHealthPath, isModelCall } from './route-failures.policy.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Parameter = NonNullable<Operation['parameters']>[number] & { name: string; in: string; schema?: Schema };
interface Schema {
  type?: string | string[];
  enum?: unknown[];
  format?: string;
}

/** Paths that clients of before use, and those that came in their place. */
const OLD_PATHS = [['/api/v1/admin/queues/', '/api/v1/admin/lanes/']] as const;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
/** Whose ids are UUIDs, and told to be malformed if they are none. */
const UUID_IN_PATH = /^\/api\/v1\/(messages|admin\/dead-letters|webhooks\/deliveries)\/\{id\}/;

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

/** A key in either header; none where no keys are configured. */
const SECURITY: Operation['security'] = [{ bearer: [] }, { api_key: [] }, {}];

/** What holds for many routes at once, and what decorators can't say, put into the description that was made of them. */
export function completed(document: OpenAPIObject): OpenAPIObject {
  const names = new Set<string>();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation === undefined) continue;
      if (method === 'post') operation.parameters = [...(operation.parameters ?? []), IDEMPOTENCY_KEY];
      for (const parameter of operation.parameters ?? []) correct(parameter as Parameter, path);
      const responses = { ...failures(method, path, operation), ...inProblemsType(operation.responses) };
      operation.responses = withRequestIds(responses);
      markIfOld(operation, path);
      if (names.has(operation.operationId ?? '')) operation.operationId += 'AtOtherPath';
      names.add(operation.operationId ?? '');
      operation.security = isHealthPath(path) ? [] : SECURITY;
    }
  }
  const schemas = { ...document.components?.schemas, ...OPENAI_SCHEMAS, ...RESPONSES_SCHEMAS };
  const whole = {
    ...document,
    paths: inOrderOfTags(document.paths),
    components: { ...document.components, schemas },
  };
  for (const schema of schemasIn(whole)) countInWholes(schema);
  return withPlainNames(whole as unknown as OpenAPIObject);
}

/** An old path is served by the route of the new one, which has the name. */
function markIfOld(operation: Operation, path: string): void {
  const moved = OLD_PATHS.find(([old]) => path.startsWith(old));
  if (moved === undefined) return;
  const [old, current] = moved;
  operation.deprecated = true;
  operation.operationId = `${operation.operationId}AtOldPath`;
  operation.summary = `The old path of \`${path.replace(old, current)}\``;
  delete operation.description;
}

function correct(parameter: Parameter, path: string): void {
  // A query has no null: what is nullable in a class's field is left out there.
  if (parameter.in === 'query' && parameter.schema !== undefined) withoutNull(parameter.schema);
  if (parameter.in === 'path' && parameter.name === 'id' && UUID_IN_PATH.test(path)) {
    parameter.schema = { ...parameter.schema, format: 'uuid' };
  }
}

function withoutNull(schema: Schema): void {
  const types = [schema.type ?? []].flat().filter((type) => type !== 'null');
  if (types.length > 0) schema.type = types.length === 1 ? types[0] : types;
  if (schema.enum !== undefined) schema.enum = schema.enum.filter((value) => value !== null);
}

function failures(
  method: (typeof METHODS)[number],
  path: string,
  { parameters = [] }: Operation,
): Operation['responses'] {
  const hasQuery = parameters.some((parameter) => (parameter as Parameter).in === 'query');
  const told = failuresOf({ method, path, hasQuery }).map((status) => [
    status,
    describedFailure(status, path),
  ]);
  const others = isModelCall({ method, path }) ? { default: endpointsOwnFailure() } : {};
  return { ...Object.fromEntries(told), ...others };
}

/** A decorator that names the class of problems says `application/json` of it. */
function inProblemsType(responses: Operation['responses']): Operation['responses'] {
  const told = Object.entries(responses).map(([status, response]) => {
    const { content } = response as { content?: Record<string, { schema?: unknown }> };
    const schema = content?.['application/json']?.schema;
    const isProblem = JSON.stringify(schema ?? null).endsWith('/ProblemDto"}');
    return [status, isProblem ? { ...response, content: { [PROBLEM]: { schema } } } : response];
  });
  return Object.fromEntries(told);
}

/** A hook puts it on every answer. */
const REQUEST_ID_HEADER = {
  'x-request-id': {
    description: 'The id of the request: the one that came in this header, or else a new one',
    schema: { type: 'string' },
  },
};

function withRequestIds(responses: Operation['responses']): Operation['responses'] {
  const told = Object.entries(responses).map(([status, response]) => {
    const { headers, ...rest } = response as { headers?: object };
    return [status, { ...rest, headers: { ...REQUEST_ID_HEADER, ...headers } }];
  });
  return Object.fromEntries(told);
}

/** In the order in which people need them; routes of one tag keep theirs. */
function inOrderOfTags(paths: OpenAPIObject['paths']): OpenAPIObject['paths'] {
  const names = API_TAGS.map(({ name }): string => name);
  const placeOf = (item: OpenAPIObject['paths'][string]) => {
    const tag = METHODS.map((method) => item[method]?.tags?.[0]).find((first) => first !== undefined);
    const place = names.indexOf(tag ?? '');
    return place === -1 ? names.length : place;
  };
  return Object.fromEntries(
    Object.entries(paths).sort(([, one], [, other]) => placeOf(one) - placeOf(other)),
  );
}

/** A class says `number` of every number. Most are whole; a field that may have fractions says `format: 'double'`. */
function countInWholes(schema: Schema): void {
  if (schema.format !== undefined) return;
  if (schema.type === 'number') schema.type = 'integer';
  else if (Array.isArray(schema.type)) {
    schema.type = schema.type.map((type) => (type === 'number' ? 'integer' : type));
  }
}

/** Generated clients have classes of these names: `Message` in place of `MessageDto`. */
function withPlainNames(document: OpenAPIObject): OpenAPIObject {
  const text = JSON.stringify(document).replaceAll(/"(#\/components\/schemas\/\w+)Dto"/g, '"$1"');
  const named: OpenAPIObject = JSON.parse(text);
  const schemas = Object.entries(named.components?.schemas ?? {});
  const plain = schemas.map(([name, schema]) => [name.replace(/Dto$/, ''), schema]);
  return { ...named, components: { ...named.components, schemas: Object.fromEntries(plain) } };
}

function* schemasIn(value: unknown): Generator<Schema> {
  if (typeof value !== 'object' || value === null) return;
  yield value as Schema;
  for (const inner of Object.values(value)) yield* schemasIn(inner);
}
