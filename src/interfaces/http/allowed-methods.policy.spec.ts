import { allowedMethods, type Route } from './allowed-methods.policy.js';

const routes: Route[] = [
  { method: 'GET', pattern: '/api/v1/messages' },
  { method: 'POST', pattern: '/api/v1/messages' },
  { method: 'POST', pattern: '/api/v1/messages/batch' },
  { method: 'GET', pattern: '/api/v1/messages/:id' },
  { method: 'POST', pattern: '/v1/chat/completions' },
  { method: 'GET', pattern: '/api/docs/*' },
];

it.each([
  ['/api/v1/messages', ['GET', 'POST']],
  ['/api/v1/messages?limit=1', ['GET', 'POST']],
  ['/api/v1/messages/batch', ['GET', 'POST']],
  ['/api/v1/messages/019b', ['GET']],
  ['/v1/ch%61t/completions', ['POST']],
  ['/api/docs/index.html', ['GET']],
  ['/api/docs/a/b', ['GET']],
])('knows %s', (url, methods) => expect(allowedMethods(routes, url)).toEqual(methods));

it.each(['/', '', '/api/v1', '/api/v1/messages/', '/api/v1/messages/a/b', '/api/docs', '/v1/%zz', '*'])(
  'does not know %p',
  (url) => expect(allowedMethods(routes, url)).toEqual([]),
);
