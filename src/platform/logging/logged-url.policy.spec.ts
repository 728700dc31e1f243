import { loggedUrl } from './logged-url.policy.js';

it.each([
  ['/api/v1/messages', '/api/v1/messages'],
  ['/api/v1/messages?', '/api/v1/messages?***'],
  ['/api/v1/messages?user_id=ann&limit=5', '/api/v1/messages?user_id=***&limit=***'],
  ['/api/v1/messages?user_id=a=b?c', '/api/v1/messages?user_id=***'],
  ['/api/v1/messages?ann', '/api/v1/messages?***'],
])('%s is logged as %s', (url, logged) => expect(loggedUrl(url)).toBe(logged));
