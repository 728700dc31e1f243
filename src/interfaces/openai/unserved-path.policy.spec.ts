import { pathBelowOtherBase, unservedPath } from './unserved-path.policy.js';

const SERVED = ['POST /v1/chat/completions', 'GET /v1/models'];

describe('a path of OpenAI’s API that is not served', () => {
  it.each([
    ['/chat/completions', '/chat/completions'],
    ['/models/maker/name', '/models/maker/name'],
    ['/v1/v1/embeddings', '/embeddings'],
    ['/api/v1/completions', '/completions'],
    ['/api/responses', '/responses'],
    ['/v1/responses', null],
    ['/modelsof', null],
    ['/api/v1/messages', null],
    ['/', null],
  ])('%s asks for %s below another base URL', (path, below) => {
    expect(pathBelowOtherBase(path)).toBe(below);
    if (below !== null) expect(unservedPath(path, SERVED)).toContain(`base URL so that it ends in /v1`);
  });

  it.each(['/v1', '/v1/', '/v1/images/generations', '/v1/constructor', '/v1/responses/resp_1'])(
    '%s is told what is served',
    (path) => {
      const told = unservedPath(path, SERVED);
      expect(told).toContain(`There is no ${path} here.`);
      expect(told).toContain('POST /v1/chat/completions, GET /v1/models.');
      expect(told).not.toContain('function');
    },
  );

  it('is told what serves the same purpose', () => {
    expect(unservedPath('/v1/messages', SERVED)).toContain('Chat completions serve the same purpose');
    expect(unservedPath('/v1/threads', SERVED)).toContain('/api/v1/conversations');
  });

  it('is none of OpenAI’s API elsewhere', () => {
    for (const path of ['/', '/api/v1/nothing', '/v10/models', '/favicon.ico']) {
      expect(unservedPath(path, SERVED)).toBeNull();
    }
  });
});
