import fc from 'fast-check';
import { storableIdentifier, storableJson, storableText } from './storable-text.js';

const anyText = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) });

it('leaves nothing that PostgreSQL refuses, and changes nothing the second time', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const storable of [storableText, storableIdentifier]) {
        const once = storable(text);
        expect(once).not.toContain('\0');
        expect(Buffer.from(once, 'utf8').toString('utf8')).toBe(once);
        expect(storable(once)).toBe(once);
      }
    }),
  );
});

it('leaves valid text as it is', () => {
  for (const text of ['', 'user123', 'é中\u{1F600}', 'a'.repeat(400)])
    expect(storableIdentifier(text)).toBe(text);
});

it('cuts identifiers to what an index row can hold, without a half character at the end', () => {
  expect(storableIdentifier('\u{1F600}'.repeat(1_000))).toBe('\u{1F600}'.repeat(200));
  expect(storableIdentifier(`a${'\u{1F600}'.repeat(1_000)}`)).toBe(`a${'\u{1F600}'.repeat(199)}\uFFFD`);
});

it('writes any text as JSON that reads back the same, and that holds no NUL and no lone surrogate itself', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const json = storableJson({ [text]: text });
      expect(storableText(json)).toBe(json);
      expect(JSON.parse(json)).toEqual({ [text]: text });
    }),
  );
});

it('leaves out what is nested too deep to be written', () => {
  let deep: unknown = null;
  for (let level = 0; level < 100_000; level += 1) deep = [deep];
  expect(JSON.parse(storableJson(deep))).toEqual({ not_projected: 'nested too deep' });
});
