import { isTracedPath, pathIn } from './traced-paths.policy.js';

it.each([
  ['/api/v1/messages', true],
  ['/api/v1/nothing', true],
  ['/api/v1/healthy', true],
  ['/v1/chat/completions', true],
  ['/api/v1/health', false],
  ['/api/v1/metrics', false],
  ['/health/ready', false],
  ['/metrics', false],
  ['/api/docs', false],
  ['/', false],
])('requests for %s are in traces: %s', (path, traced) => expect(isTracedPath(path)).toBe(traced));

it('a path has no query', () => {
  expect(pathIn('/api/v1/messages?user_id=ann')).toBe('/api/v1/messages');
  expect(pathIn('/v1/models')).toBe('/v1/models');
});
