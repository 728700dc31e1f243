import fc from 'fast-check';
import { EndpointWords } from './endpoint-words.js';

const words = new EndpointWords(['my-very-own-key'], 'llm.example.com');

describe('the words of an endpoint', () => {
  it.each<[string, string]>([
    ['Incorrect API key provided: sk-proj-abcdefgh12345678.', 'Incorrect API key provided: [key]'],
    ['bad key my-very-own-key here', 'bad key [key] here'],
    ['Authorization: Bearer abcdefghijkl was refused', 'Authorization: Bearer *** was refused'],
    ['key AIzaSyA1234567890abcdefg is wrong', 'key [key] is wrong'],
    ['token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_DEF expired', 'token [token] expired'],
    ['api_key=supersecret&x=1', 'api_key=[key]&x=1'],
    ['{"password": "hunter2hunter2"}', '{"password": "[key]"}'],
    ['got 0123456789abcdef0123456789abcdef as key', 'got [key] as key'],
    ['gsk_abcdefgh1234 and hf_abcdefgh1234', '[key] and [key]'],
    ['connect to http://10.1.2.3:8000/v1/x failed', 'connect to [address] failed'],
    ['upstream 192.168.1.7:9000 is down', 'upstream [address] is down'],
    ['upstream 172.20.0.4 and 169.254.169.254', 'upstream [address] and [address]'],
    ['no route to [fd00::12]:80', 'no route to [address]'],
    ['http://vllm-0:8000/v1/chat failed', '[address] failed'],
    ['vllm-0.models.svc.cluster.local:8000 failed', '[address] failed'],
    ['host gpu7.corp did not answer', 'host [address] did not answer'],
    ['at localhost:11434 nobody listens', 'at [address] nobody listens'],
    ['postgres://user:pw@db.internal:5432/x', 'postgres://***@[address]/x'],
    ['see llm.example.com/status', 'see [endpoint]/status'],
  ])('lose secrets and inner addresses: %s', (text, fit) => {
    expect(words.fit(text)).toBe(fit);
  });

  it.each([
    'The model `gpt-0` does not exist or you do not have access to it.',
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
    'You exceeded your current quota, see https://platform.openai.com/docs/guides/error-codes.',
    'Rate limit reached for gpt-4o in organization on tokens per min (TPM): Limit 30000, Used 29000.',
    'Expected version 1.10.2.1 of the llama-3.1-70b-instruct-fp8-dynamic tokenizer at 8.8.8.8.',
    'request req_123 for 0197a1b2-0000-7000-8000-00000000abcd: token limit: 4096',
  ])('keep the rest: %s', (text) => {
    expect(words.fit(text)).toBe(text);
  });

  it('are one line of well-formed text that is short, whatever they were', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => {
        const fit = words.fit(text);
        expect(fit.length).toBeLessThanOrEqual(501);
        expect(fit).not.toMatch(/\p{Surrogate}|\p{Cc}/u);
      }),
    );
  });

  it('never hold the key, wherever it stands', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        expect(words.fit(`${before}my-very-own-key${after}`)).not.toContain('my-very-own-key');
      }),
    );
  });

  it.each([
    'a'.repeat(1_000_000),
    '1.'.repeat(500_000),
    'http://'.repeat(100_000),
    'a.'.repeat(300_000),
    'key='.repeat(200_000),
  ])('take little time, whatever they were', (text) => {
    // Of the processor, since the machine may have other work.
    const before = process.cpuUsage();
    words.fit(text);
    expect(process.cpuUsage(before).user).toBeLessThan(10_000_000);
  });
});
