import { describe, expect, it } from '@jest/globals';
import { judgeOrigin } from './local-origin.policy.js';

const judge = (host: string | undefined, origin?: string) => judgeOrigin({ host, origin }, '127.0.0.1');

describe('judgeOrigin', () => {
  it.each(['127.0.0.1:8080', '127.8.9.1', 'localhost:8080', 'LOCALHOST', 'app.localhost:1', '[::1]:8080'])(
    'serves programs that call %s',
    (host) => expect(judge(host)).toBe('ok'),
  );

  it('serves a request without a Host header, which no browser sends', () => {
    expect(judge(undefined)).toBe('ok');
  });

  it.each([
    'evil.example',
    'evil.example:8080',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '10.0.0.1',
  ])('refuses %s, a name that can be rebound to loopback', (host) =>
    expect(judge(host)).toBe('foreign_host'),
  );

  it('serves pages of its own origin, such as the API documentation', () => {
    expect(judge('localhost:8080', 'http://localhost:8080')).toBe('ok');
  });

  it.each(['https://evil.example', 'null', 'http://localhost:3000', 'https://localhost:8080'])(
    'refuses a page from %s',
    (origin) => expect(judge('localhost:8080', origin)).toBe('foreign_origin'),
  );

  it.each(['cross-site', 'same-site', 'anything'])(
    'refuses a GET that a browser marks as %s',
    (fetchSite) => {
      const request = { host: 'localhost:8080', origin: undefined, fetchSite };
      expect(judgeOrigin(request, '127.0.0.1')).toBe('foreign_origin');
    },
  );

  it.each(['same-origin', 'none'])('serves a GET that a browser marks as %s', (fetchSite) => {
    const request = { host: 'localhost:8080', origin: undefined, fetchSite };
    expect(judgeOrigin(request, '127.0.0.1')).toBe('ok');
  });

  it('takes the configured host as its own name', () => {
    expect(judgeOrigin({ host: 'queue.test:80', origin: undefined }, 'queue.test')).toBe('ok');
    expect(judgeOrigin({ host: '[::ffff:127.0.0.1]:80', origin: undefined }, '::ffff:127.0.0.1')).toBe('ok');
  });
});
