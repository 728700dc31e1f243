import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { LOG_EVENT_TYPES } from '../domain/log-event.events.js';
import { eventSchema } from './cloud-event.codec.js';
import { predicateOf } from './schema-predicate.js';

/** Values near to what events hold, so that some fit a schema and most fail it in one place. */
const leaf = fc.oneof(
  fc.constantFrom('', 'low', 'default', 'rule:x', 'rule', '1.0', 'rest', 'retry', 'fixed', 'active', 'none'),
  fc.constantFrom('2026-01-02T03:04:05.678Z', '2024-02-29T00:00:00Z', '2023-02-29T00:00:00Z', 'yesterday'),
  fc.constantFrom(0, 1, -1, 0.5, 2 ** 53, -0, 1e308),
  fc.constantFrom(true, false, null, undefined),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.string(), tie('any'), { maxKeys: 3 }),
  ),
})).any;

/** An object with the schema's keys, each with any value or one that its own schema accepts, or without some. */
function objectFor(schema: z.ZodObject): fc.Arbitrary<unknown> {
  const keys = Object.entries(schema.shape as Record<string, z.ZodType>);
  const fields = Object.fromEntries(keys.map(([key, field]) => [key, likely(field)]));
  return fc.record(fields, { requiredKeys: [] });
}

function likely(schema: z.ZodType): fc.Arbitrary<unknown> {
  if (schema instanceof z.ZodObject) return fc.oneof({ weight: 8, arbitrary: objectFor(schema) }, leaf);
  if (schema instanceof z.ZodLiteral)
    return fc.oneof({ weight: 30, arbitrary: fc.constant(schema.value) }, leaf);
  if (schema instanceof z.ZodRecord) return fc.oneof(fc.dictionary(fc.string(), leaf), leaf);
  if (schema instanceof z.ZodArray) return fc.oneof(fc.array(likely(schema.element as z.ZodType)), leaf);
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) {
    return fc.oneof(likely(schema.unwrap() as z.ZodType), leaf);
  }
  return fc.oneof(leaf, value);
}

describe('predicateOf', () => {
  it.each(LOG_EVENT_TYPES)('accepts what the schema of %s accepts, and nothing else', (type) => {
    const schema = eventSchema(type).shape.data as unknown as z.ZodObject;
    const accepts = predicateOf(schema);
    fc.assert(
      fc.property(fc.oneof(objectFor(schema), value), (candidate) => {
        expect(accepts(candidate)).toBe(schema.safeParse(candidate).success);
      }),
      { numRuns: 200 },
    );
  });

  it('agrees with each kind of schema that events are made of', () => {
    const schemas = [
      ...[
        z.string().min(1),
        z.number().int().positive(),
        z.number().min(-1).max(1),
        z.number().nonnegative(),
      ],
      ...[z.iso.datetime().nullish(), z.enum(['low', 'rest']), z.literal('1.0'), z.boolean(), z.unknown()],
      ...[z.union([z.enum(['low']), z.templateLiteral(['rule:', z.string()])]), z.array(z.string())],
      ...[z.record(z.string(), z.unknown()), z.looseObject({ low: z.string() }), z.object({}).partial()],
    ];
    fc.assert(
      fc.property(fc.constantFrom(...schemas), value, (schema, candidate) => {
        expect(predicateOf(schema)(candidate)).toBe(schema.safeParse(candidate).success);
      }),
      { numRuns: 3_000 },
    );
  });

  it('asks the schema itself for what it does not know', () => {
    const even = z.number().refine((number) => number % 2 === 0);
    const schemas = [
      even,
      z.strictObject({ a: even }),
      z.string().max(2),
      z.string().trim().email(),
      z.date(),
    ];
    const candidates = [1, 2, 'ab', 'abc', 'a@b.co', { a: 2 }, { a: 1 }, { a: 2, b: 1 }, new Date(0)];
    for (const schema of schemas) {
      for (const candidate of candidates) {
        expect(predicateOf(schema)(candidate)).toBe(schema.safeParse(candidate).success);
      }
    }
  });
});
