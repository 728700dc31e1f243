import type { OpenAPIObject } from '@nestjs/swagger';
import { completed } from './api-description.js';

const id = () => ({ name: 'id', in: 'path', required: true, schema: { type: 'string' } });
const operation = (...parameters: object[]) => ({ parameters, responses: {} });
const tagged = (tag: string) => ({ get: { ...operation(), tags: [tag] } });

function described(paths: object, schemas: object = {}) {
  const document = { openapi: '3.1.0', info: {}, paths, components: { schemas } };
  // biome-ignore lint/suspicious/noExplicitAny: the document has many shapes.
  return completed(document as unknown as OpenAPIObject) as any;
}

it('tells which ids are UUIDs', () => {
  const uuids = [
    'messages/{id}',
    'messages/{id}/cancel',
    'messages/{id}/events',
    'admin/dead-letters/{id}/requeue',
  ];
  const paths = [...uuids, 'admin/preprocessor/rules/{id}'].map((path) => `/api/v1/${path}`);
  const document = described(Object.fromEntries(paths.map((path) => [path, { get: operation(id()) }])));
  const formats = paths.map((path) => document.paths[path].get.parameters[0].schema.format);
  expect(formats).toEqual([...uuids.map(() => 'uuid'), undefined]);
});

it('names what is served at two paths once each', () => {
  const health = () => ({ get: { ...operation(), operationId: 'getHealth' } });
  const { paths } = described({ '/health': health(), '/api/v1/health': health() });
  expect(paths['/health'].get.operationId).toBe('getHealth');
  expect(paths['/api/v1/health'].get).toMatchObject({ operationId: 'getHealthAtOtherPath', security: [] });
});

it('leaves null out of queries, which have none', () => {
  const lane = () => ({ type: ['string', 'null'], enum: ['high', 'low', null] });
  const query = { name: 'priority', in: 'query', schema: lane() };
  const document = described(
    { '/api/v1/messages': { get: operation(query) } },
    { BodyDto: { type: 'object', properties: { priority: lane() } } },
  );
  const [{ schema }] = document.paths['/api/v1/messages'].get.parameters;
  expect(schema).toEqual({ type: 'string', enum: ['high', 'low'] });
  expect(document.components.schemas.Body.properties.priority).toEqual(lane());
});

it('takes numbers for whole ones unless they say otherwise', () => {
  const limit = { name: 'limit', in: 'query', schema: { type: ['number', 'null'], maximum: 200 } };
  const properties = {
    count: { type: 'number' },
    left: { type: ['number', 'null'] },
    share: { type: ['number', 'null'], format: 'double' },
  };
  const document = described(
    { '/api/v1/messages': { get: operation(limit) } },
    { FiguresDto: { type: 'object', properties } },
  );
  expect(document.paths['/api/v1/messages'].get.parameters[0].schema.type).toBe('integer');
  const { count, left, share } = document.components.schemas.Figures.properties;
  expect([count.type, left.type, share.type]).toEqual(['integer', ['integer', 'null'], ['number', 'null']]);
});

it("tells failures in the form of each protocol, and the endpoint's own where there is one", () => {
  const { paths, components } = described({
    '/v1/models': { get: operation() },
    '/v1/embeddings': { post: operation() },
    '/api/v1/messages': { post: operation(), get: operation() },
  });
  const schemaOf = (path: string, method: string, status: string) =>
    Object.entries<{ schema: object }>(paths[path][method].responses[status].content)[0];
  const openAi = ['application/json', { schema: { $ref: '#/components/schemas/OpenAiError' } }];
  expect(schemaOf('/v1/models', 'get', '401')).toEqual(openAi);
  expect(schemaOf('/v1/embeddings', 'post', 'default')).toEqual(openAi);
  expect(paths['/v1/models'].get.responses.default).toBeUndefined();
  expect(schemaOf('/api/v1/messages', 'get', '503')).toEqual([
    'application/problem+json',
    { schema: { $ref: '#/components/schemas/Problem' } },
  ]);
  expect(paths['/api/v1/messages'].get.responses[401].description).toContain('`unauthorized`');
  expect(paths['/v1/models'].get.responses[400].description).toContain('`invalid_fields`');
  expect(components.schemas.OpenAiError.properties.error.required).toContain('message');
});

it('tells problems in their own type, whatever the decorator said', () => {
  const schema = { $ref: '#/components/schemas/ProblemDto' };
  const conflict = { description: 'It has ended', content: { 'application/json': { schema } } };
  const { paths } = described({
    '/api/v1/messages/{id}': { delete: { parameters: [], responses: { 409: conflict } } },
  });
  expect(paths['/api/v1/messages/{id}'].delete.responses[409]).toMatchObject({
    description: 'It has ended',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  });
});

it('has the key of each POST, and asks for no key where health is told', () => {
  const { paths } = described({
    '/api/v1/messages': { post: operation(), get: operation() },
    '/health/live': { get: operation() },
  });
  expect(paths['/api/v1/messages'].post.parameters).toMatchObject([{ name: 'Idempotency-Key' }]);
  expect(paths['/api/v1/messages'].get.parameters).toEqual([]);
  expect(paths['/api/v1/messages'].get.security).toHaveLength(3);
  expect(paths['/health/live'].get.security).toEqual([]);
});

it('keeps old paths, and says what came in their place', () => {
  const pause = () => ({
    post: { ...operation(), operationId: 'pauseLane', summary: 'Pause', tags: ['admin'] },
  });
  const { paths } = described({
    '/api/v1/admin/lanes/{lane}/pause': pause(),
    '/api/v1/admin/queues/{lane}/pause': pause(),
  });
  const [now, before] = Object.values<{ post: object }>(paths).map(({ post }) => post);
  expect(now).toMatchObject({ operationId: 'pauseLane', summary: 'Pause' });
  expect(now).not.toHaveProperty('deprecated');
  expect(before).toMatchObject({
    ...{ deprecated: true, operationId: 'pauseLaneAtOldPath' },
    summary: 'The old path of `/api/v1/admin/lanes/{lane}/pause`',
  });
});

it('begins with messages, and names schemas as people do', () => {
  const { paths, components } = described(
    {
      '/new': tagged('something new'),
      '/health/live': tagged('health'),
      '/api/v1/conversations': tagged('conversations'),
      '/api/v1/messages': tagged('messages'),
    },
    { ListDto: { items: { $ref: '#/components/schemas/ItemDto' } }, ItemDto: { type: 'string' } },
  );
  expect(Object.keys(paths)).toEqual(['/api/v1/messages', '/api/v1/conversations', '/health/live', '/new']);
  expect(components.schemas).toMatchObject({ List: { items: { $ref: '#/components/schemas/Item' } } });
  expect(components.schemas.Item).toEqual({ type: 'string' });
});

it('says of each answer that it names its request, beside its own headers', () => {
  const done = { '200': { description: 'done', headers: { 'x-own': { schema: { type: 'string' } } } } };
  const document = described({ '/api/v1/messages': { get: { parameters: [], responses: done } } });
  const { responses } = document.paths['/api/v1/messages'].get;
  for (const { headers } of Object.values<{ headers: object }>(responses))
    expect(headers).toHaveProperty('x-request-id');
  expect(Object.keys(responses).length).toBeGreaterThan(1);
  expect(responses['200'].headers).toHaveProperty('x-own');
});
