import fc from 'fast-check';
import { exactNumbersOf, markChangedParts, stringifyExactly, unkeptPartsOf } from './exact-numbers.js';
import { hasLongNumber, mayBeChanged } from './exact-numbers.policy.js';

function parsed(json: string): Record<string, unknown> {
  const value = JSON.parse(json);
  markChangedParts(value, json);
  return value;
}
const bytes = (text: string) => new TextEncoder().encode(text);

describe('numbers that JavaScript changes', () => {
  it('are written again as they were read, wherever they stand, also behind a way through JSON', () => {
    const json =
      '{"seed":9007199254740993,"tools":[{"a/b~c":{"maximum":18446744073709551615,"enum":[1,-9223372036854775808]}}],"t":0.1}';
    const exact = exactNumbersOf(parsed(json));
    expect(exact).toEqual({
      '/seed': '9007199254740993',
      '/tools/0/a~1b~0c/maximum': '18446744073709551615',
      '/tools/0/a~1b~0c/enum/1': '-9223372036854775808',
    });
    expect(stringifyExactly(JSON.parse(JSON.stringify(parsed(json))), exact!)).toBe(json);
  });

  it('are noted on the objects inside, and on copies of them', () => {
    const body = parsed(
      '{"messages":[{"parameters":{"seed":9007199254740993,"n":1}}],"seed":12345678901234567891}',
    );
    const [{ parameters }] = body['messages'] as [{ parameters: object }];
    expect(exactNumbersOf(parameters)).toEqual({ '/seed': '9007199254740993' });
    const { messages: _, ...rest } = body;
    expect(exactNumbersOf(rest)).toEqual({ '/seed': '12345678901234567891' });
  });

  it('are not noted where nothing was rounded', () => {
    expect(
      exactNumbersOf(
        parsed(
          '{"a":9007199254740992,"b":"12345678901234567890","c":1.00000000000000000,"d":1e005,"e":0.30000000000000004,"f":123456789012345600000000,"g":1000e-0300,"h":-0.00000000000000000}',
        ),
      ),
    ).toBeUndefined();
  });

  it.each([
    '1e999',
    '-1e999',
    '1e-999',
    '1.0000000000000001',
    '0.12345678901234567890',
    '123456789.123456789',
  ])('are also %s', (number) => {
    const json = `{"a":{"b":${number}}}`;
    const body = parsed(json);
    expect(mayBeChanged(bytes(json), json)).toBe(true);
    expect(exactNumbersOf(body)).toEqual({ '/a/b': number });
    expect(stringifyExactly(JSON.parse(JSON.stringify(body)), exactNumbersOf(body) ?? {})).toBe(json);
  });

  it('are noted up to a number of them, and the first one beyond is told', () => {
    const numbers = (count: number) => `{"a":[${Array(count).fill('1e999').join(',')}]}`;
    expect(markChangedParts({}, numbers(1_000))).toBeNull();
    expect(markChangedParts({}, numbers(1_001))).toEqual(['a', 1_000]);
    expect(markChangedParts({}, `[${Array(20_000).fill('0.10000000000000000').join(',')}]`)).toEqual([2_000]);
  });

  it('of great length cost no more than their length', () => {
    const started = performance.now();
    expect(markChangedParts({}, `{"a":1${'0'.repeat(2_000_000)}1}`)).toBeNull();
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('are left alone where another value stands now', () => {
    const exact = { '/a': '9007199254740993', '/b/c': '9007199254740993', '/d': '1;2' };
    expect(stringifyExactly({ a: 5, b: [], d: 1 }, exact)).toBe('{"a":5,"b":[],"d":1}');
  });

  it('of a key that stands twice are those of the last', () => {
    const body = parsed('{"a":9007199254740993,"a":7}');
    expect(stringifyExactly(body, exactNumbersOf(body) ?? {})).toBe('{"a":7}');
  });

  const number = fc.oneof(fc.bigInt(), fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n })).map(String);
  const value = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { weight: 2, arbitrary: number },
      fc.string().map((text) => JSON.stringify(text)),
      fc.array(tie('value'), { maxLength: 3 }).map((list) => `[${list.join(',')}]`),
      fc
        .uniqueArray(
          fc.tuple(
            fc.string().filter((key) => key !== '__proto__' && !/^\d+$/.test(key)),
            tie('value'),
          ),
          { maxLength: 3, selector: ([key]) => key },
        )
        .map((fields) => `{${fields.map(([key, each]) => `${JSON.stringify(key)}:${each}`).join(',')}}`),
    ),
  })).value;

  it('arrive as they were sent, in any JSON', () => {
    fc.assert(
      fc.property(value, (json) => {
        const text = `{"x":${json}}`;
        const body = parsed(text);
        expect(stringifyExactly(body, exactNumbersOf(body) ?? {})).toBe(text);
      }),
    );
  });

  it('are suspected wherever enough digits stand in a row', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme-ascii' }),
        fc.stringMatching(/^\d{1,40}$/),
        (before, digits) => {
          const text = `${before.replaceAll(/[\d.]/g, '')}${digits}x`;
          expect(hasLongNumber(bytes(text))).toBe(digits.length >= 16);
        },
      ),
    );
  });
});

describe('a field named __proto__', () => {
  it.each(['__proto__', '\\u005f_proto__', '__pr\\u006fto__'])('is noted, written as %s', (name) => {
    const json = `{"a":{"${name}":{"seed":9007199254740993}}}`;
    expect(mayBeChanged(bytes(json), json)).toBe(true);
    expect(unkeptPartsOf(parsed(json))).toEqual([
      { path: ['a', '__proto__'], is: 'name' },
      { path: ['a', '__proto__', 'seed'], is: 'number' },
    ]);
  });

  it('is no text of that name', () => {
    expect(unkeptPartsOf(parsed('{"a":"__proto__","constructor":{"prototype":1}}'))).toEqual([]);
  });
});
