import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as rules from './submission-rules.policy.js';

/** An array in an array in ... */
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

describe('identifiers', () => {
  it.each(['user123', 'Jürgen', '用户', 'a b', '🙂', 'x'.repeat(256)])('are taken in case %#', (value) => {
    expect(rules.identifier(value)).toBeNull();
  });

  it.each([
    '',
    'x'.repeat(257),
    'a\u0000b',
    'a\nb',
    '\u007f',
    '\u0085',
    '\ud800',
    'x\udc00y',
    5,
    null,
    ['a'],
    {},
  ])('is refused in case %#', (value) => expect(rules.identifier(value)).toEqual(expect.any(String)));
});

describe('content', () => {
  it('may be any text but none, also what PostgreSQL cannot hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => rules.content(text) === null),
    );
    expect(rules.content('\u0000')).toBeNull();
    expect(rules.content('\ud800')).toBeNull();
  });

  it.each(['', 1, null, [], {}])('must not be %j', (value) => {
    expect(rules.content(value)).toEqual(expect.any(String));
  });
});

describe('chat messages', () => {
  it('need a role each, and nothing else', () => {
    expect(rules.chatMessages([{ role: 'user', content: [{ type: 'text', text: 'hi' }] }])).toBeNull();
    expect(rules.chatMessages([{ role: 'user' }, { content: 'x' }])).toContain('index 1');
  });

  it.each([[], 'hi', null, [null], ['hi'], [{ role: '' }], [{ role: 7 }], [{ role: 'user', x: nested(65) }]])(
    'are refused in case %#',
    (value) => expect(rules.chatMessages(value)).toEqual(expect.any(String)),
  );
});

describe('metadata', () => {
  it('is any small JSON object', () => {
    expect(rules.metadata({})).toBeNull();
    expect(rules.metadata({ team: 'a', tags: ['x', { deep: [1, null, true] }] })).toBeNull();
  });

  it.each([
    [],
    'x',
    null,
    { 'a\u0000': 1 },
    { '\ud800': 1 },
    { '': 1 },
    { x: nested(9) },
    { x: 'y'.repeat(20_000) },
  ])('is refused in case %#', (value) => expect(rules.metadata(value)).toEqual(expect.any(String)));
});

describe('parameters', () => {
  it('are handed on as they are', () => {
    expect(rules.parameters({ temperature: 0.2, stop: ['\n'], vendor_option: { a: 1 }, n: 1 })).toBeNull();
  });

  it.each([{ priority: 3 }, { metadata: { a: 'b' } }, { store: true }])(
    'may hold %j for the model',
    (value) => expect(rules.parameters(value)).toBeNull(),
  );

  it.each([
    ...[{ model: 'x' }, { messages: [] }, { stream: true }, { x: nested(64) }, [], 3],
    ...[{ priority: 'high' }, { ttl: 5 }, { max_retries: 1 }],
  ])('are refused in case %#', (value) => expect(rules.parameters(value)).toEqual(expect.any(String)));
});

describe('depth', () => {
  it('is found out without going deeper', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 1_000_000; level += 1) deep = [deep];
    expect(rules.tooDeep(deep, 64)).toBe(true);
  });

  it('counts levels of objects and arrays', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }), (depth, limit) => {
        expect(rules.tooDeep(nested(depth), limit)).toBe(depth > limit);
      }),
    );
  });
});

describe('whole numbers', () => {
  const rule = rules.wholeNumber(0, 100);
  it.each([0, 3, 100])('may be %p', (value) => expect(rule(value)).toBeNull());
  it.each([-1, 101, 1.5, '3', null, Number.NaN])('must not be %p', (value) => {
    expect(rule(value)).toContain('from 0 to 100');
  });
});

describe('routing', () => {
  it('names models, a strategy and a session', () => {
    expect(rules.fallbacks(['a', 'maker/b:7b'])).toBeNull();
    expect(rules.routing({ strategy: 'round_robin', session: 'cart 7' })).toBeNull();
    expect(rules.routing({ strategy: null })).toBeNull();
  });

  it.each(['a', {}, [''], ['a', 7], Array.from({ length: 17 }, () => 'a')])('refuses fallbacks %#', (value) =>
    expect(rules.fallbacks(value)).toEqual(expect.any(String)),
  );

  it.each(['a', [], { strategy: 'best' }, { session: '' }, { sesion: 'a' }])('refuses %j', (value) =>
    expect(rules.routing(value)).toEqual(expect.any(String)),
  );
});
