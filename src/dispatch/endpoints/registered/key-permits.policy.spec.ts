import { mayUseKey } from './key-permits.policy.js';

describe('a key for an endpoint that is registered over HTTP', () => {
  const permits = [
    { env: 'A_KEY', origin: 'https://a.example.com' },
    { env: 'B_KEY', origin: 'https://b.example.com:8443' },
  ];

  it.each([
    ['A_KEY', 'https://a.example.com', true],
    ['B_KEY', 'https://b.example.com:8443', true],
    ['B_KEY', 'https://a.example.com', false],
    ['A_KEY', 'https://b.example.com:8443', false],
    ['A_KEY', 'http://a.example.com', false],
    ['A_KEY', 'https://a.example.com.evil.example', false],
    ['B_KEY', 'https://b.example.com', false],
    ['PATH', 'https://a.example.com', false],
  ])('%s at %s: %s', (env, origin, allowed) => {
    expect(mayUseKey(permits, env, origin)).toBe(allowed);
    expect(mayUseKey([], env, origin)).toBe(false);
  });
});
