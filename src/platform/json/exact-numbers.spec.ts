import fc from 'fast-check';
import { exactNumbersOf, markExactNumbers, stringifyExactly } from './exact-numbers.js';
import { hasLongInteger } from './exact-numbers.policy.js';

function parsed(json: string): Record<string, unknown> {
  const value = JSON.parse(json);
  markExactNumbers(value, json);
  return value;
}
const bytes = (text: string) => new TextEncoder().encode(text);

describe('integers beyond 2^53', () => {
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
      exactNumbersOf(parsed('{"a":9007199254740992,"b":"12345678901234567890","c":1.0000000000000001}')),
    ).toBeUndefined();
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
          const text = `${before.replaceAll(/\d/g, '')}${digits}x`;
          expect(hasLongInteger(bytes(text))).toBe(digits.length >= 16);
        },
      ),
    );
  });
});
