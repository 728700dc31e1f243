import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mayConnectFrom, offeredProtocols, queryNames } from './handshake.policy.js';

describe('offeredProtocols', () => {
  it.each([
    [undefined, true, null],
    ['', true, null],
    ['llmq.v1', true, null],
    ['llmq.v1, llmq.key.abc', true, 'abc'],
    ['llmq.key.abc,llmq.v1', true, 'abc'],
    ['llmq.key.abc', false, 'abc'],
    ['llmq.key., llmq.v1', true, null],
    ['graphql-ws', false, null],
    ['graphql-ws, llmq.v1', true, null],
  ])('of %j: understood %s, key %j', (header, understood, key) => {
    expect(offeredProtocols(header)).toEqual({ understood, key });
  });

  it('finds any key that is a token, in any place', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9_.~-]{1,60}$/);
    const others = fc.array(fc.constantFrom('a', 'b', 'llmq.v2'), { maxLength: 3 });
    fc.assert(
      fc.property(token, others, others, (key, before, behind) => {
        const header = [...before, `llmq.key.${key}`, 'llmq.v1', ...behind].join(' , ');
        expect(offeredProtocols(header)).toEqual({ understood: true, key });
      }),
    );
  });
});

describe('mayConnectFrom', () => {
  const known = new Set(['https://app.example.com']);

  it.each([
    [undefined, 'q.example.com', true],
    ['https://app.example.com', 'q.example.com', true],
    ['http://q.example.com:8080', 'q.example.com:8080', true],
    ['https://Q.example.com', 'q.example.com', true],
    ['https://q.example.com', 'q.example.com:8080', false],
    ['http://app.example.com', 'q.example.com', false],
    ['https://app.example.com.evil.test', 'q.example.com', false],
    ['https://evil.test', 'q.example.com', false],
    ['null', 'q.example.com', false],
    ['null', 'null', false],
    ['file://', 'q.example.com', false],
    ['https://q.example.com', undefined, false],
    ['', 'q.example.com', false],
    ['', '', false],
  ])('origin %j at host %j: %s', (origin, host, may) => {
    expect(mayConnectFrom(origin, host, known)).toBe(may);
  });
});

describe('queryNames', () => {
  it.each([
    ['/ws', []],
    ['/ws?', []],
    ['/ws?key=secret', ['key']],
    ['/ws?a&b=1&&c=', ['a', 'b', 'c']],
    ['/ws?=secret', []],
  ])('of %j: %j', (url, names) => {
    expect(queryNames(url)).toEqual(names);
  });

  it('never tells a value', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9]{70,90}$/), (secret) => {
        expect(queryNames(`/ws?key=${secret}`).join()).not.toContain(secret);
      }),
    );
  });
});
