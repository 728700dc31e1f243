import type { OpenAPIObject } from '@nestjs/swagger';
import { completed } from './api-description.js';

const id = () => ({ name: 'id', in: 'path', required: true, schema: { type: 'string' } });
const operation = (...parameters: object[]) => ({ parameters, responses: {} });

function described(paths: object, schemas: object = {}) {
  const document = { openapi: '3.0.0', info: {}, paths, components: { schemas } };
  // biome-ignore lint/suspicious/noExplicitAny: the document has many shapes.
  return completed(document as unknown as OpenAPIObject) as any;
}

it('tells which ids are UUIDs', () => {
  const paths = [
    ...['/api/v1/messages/{id}', '/api/v1/messages/{id}/cancel', '/api/v1/messages/{id}/events'],
    ...['/api/v1/conversations/{id}/messages', '/api/v1/admin/dead-letters/{id}/requeue'],
    ...['/api/v1/conversations/{id}/events', '/api/v1/admin/preprocessor/rules/{id}'],
  ];
  const document = described(Object.fromEntries(paths.map((path) => [path, { get: operation(id()) }])));
  const formats = paths.map((path) => document.paths[path].get.parameters[0].schema.format);
  expect(formats).toEqual([...Array(5).fill('uuid'), undefined, undefined]);
});

it('tells that bodies take null, and that queries do not', () => {
  const lane = () => ({ type: 'string', enum: ['high', 'low'], nullable: true });
  const query = { name: 'priority', in: 'query', schema: lane() };
  const document = described(
    { '/api/v1/messages': { get: operation(query) } },
    { Body: { type: 'object', properties: { priority: lane(), list: { type: 'array', items: lane() } } } },
  );
  const { priority, list } = document.components.schemas.Body.properties;
  expect([priority.enum, list.items.enum]).toEqual(Array(2).fill(['high', 'low', null]));
  const [{ schema }] = document.paths['/api/v1/messages'].get.parameters;
  expect(schema).toEqual({ type: 'string', enum: ['high', 'low'] });
});

it("has OpenAI's errors under /v1, and the key of each POST", () => {
  const { paths, components } = described({
    '/v1/models': { get: operation() },
    '/api/v1/messages': { post: operation(), get: operation() },
  });
  const { schema } = paths['/v1/models'].get.responses.default.content['application/json'];
  expect(schema.$ref).toBe('#/components/schemas/OpenAiError');
  expect(components.schemas.OpenAiError.properties.error.required).toContain('message');
  expect(paths['/api/v1/messages'].get.responses.default).toBeUndefined();
  expect(paths['/api/v1/messages'].post.parameters).toMatchObject([{ name: 'Idempotency-Key' }]);
  expect(paths['/api/v1/messages'].get.parameters).toEqual([]);
});
