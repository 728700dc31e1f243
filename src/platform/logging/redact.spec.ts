import fc from 'fast-check';
import { newApiKey } from '../security/api-key.js';
import { redactSecrets } from './redact.js';

describe('redactSecrets', () => {
  it('takes user and password out of any URL', () => {
    const secret = fc.string({ unit: fc.constantFrom(...'abcXYZ019%:._-!$&'), minLength: 8, maxLength: 30 });
    fc.assert(
      fc.property(secret, fc.constantFrom('postgres', 'nats', 'https'), (password, scheme) => {
        const text = redactSecrets(`cannot reach ${scheme}://${password}@db.example:5432/llmq now`);
        expect(text).toBe(`cannot reach ${scheme}://***@db.example:5432/llmq now`);
      }),
    );
  });

  it('takes bearer tokens and provider keys out', () => {
    expect(redactSecrets('authorization: Bearer abcdef.123456-x')).toBe('authorization: Bearer ***');
    const { key } = newApiKey({ name: 'a', role: 'client', tenant: 'default' });
    expect(redactSecrets(`{"body":"${key}"}`)).toBe('{"body":"llmq_***"}');
    expect(redactSecrets('key sk-proj-0123456789abcdefgh was refused')).toBe('key sk-*** was refused');
  });

  it.each([
    'http://127.0.0.1:8080/api/v1?wait=30s',
    'mail to a@b.example',
    'the bearer came',
    'llmq_rebuild_20261122_101112_and_more',
    'task-0123456789abcdef',
  ])('leaves %s as it is', (text) => {
    expect(redactSecrets(text)).toBe(text);
  });

  it('takes a time that grows no faster than the text, whatever the text', () => {
    const long = `${'://a:'.repeat(50_000)}${'x'.repeat(500_000)}`;
    const started = performance.now();
    redactSecrets(long);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
