import { failuresOf } from './route-failures.policy.js';

const ofGet = (path: string, hasQuery = false) => failuresOf({ method: 'get', path, hasQuery });

it('tells of a read what may keep it from being served', () => {
  expect(ofGet('/api/v1/resources')).toEqual([400, 401, 403, 405, 500, 503]);
  expect(ofGet('/api/v1/messages', true)).toEqual([400, 401, 403, 405, 422, 500, 503]);
  expect(ofGet('/api/v1/messages/{id}')).toEqual([400, 401, 403, 404, 405, 414, 422, 500, 503]);
});

it('tells of a change that the log may be full, and what may be wrong with its body', () => {
  const change = failuresOf({ method: 'put', path: '/api/v1/conversations/{id}', hasQuery: false });
  expect(change).toEqual([400, 401, 403, 404, 405, 409, 413, 414, 415, 422, 500, 503, 507]);
});

it('tells of every POST what may become of its Idempotency-Key', () => {
  for (const path of ['/api/v1/messages', '/v1/embeddings', '/api/v1/admin/dead-letters/{id}/requeue']) {
    const statuses = failuresOf({ method: 'post', path, hasQuery: false });
    expect(statuses).toEqual(expect.arrayContaining([404, 409, 422]));
  }
});

it('tells of a call of a model that its endpoint may fail', () => {
  const call = failuresOf({ method: 'post', path: '/v1/completions', hasQuery: false });
  expect(call).toEqual(expect.arrayContaining([429, 502, 504, 507]));
  expect(ofGet('/v1/models/{model}')).toEqual([400, 401, 403, 404, 405, 414, 500, 503]);
});

it('tells of files and batches nothing of endpoints, which they do not call', () => {
  for (const path of ['/v1/files', '/v1/batches', '/v1/batches/{batch_id}/cancel']) {
    const statuses = failuresOf({ method: 'post', path, hasQuery: false });
    expect(statuses).not.toEqual(expect.arrayContaining([504]));
  }
});

it('asks for no key where health is told', () => {
  expect(ofGet('/health/ready')).toEqual([400, 405, 500]);
});
