import { expect, it } from '@jest/globals';
import { isIdempotencyKey } from './idempotency-key.policy.js';

it.each(['a', 'order 17', '"quoted"', 'x'.repeat(255)])('takes %p', (key) =>
  expect(isIdempotencyKey(key)).toBe(true),
);

it.each(['', 'x'.repeat(256), 'tab\there', 'é', 'a\u0000', undefined, ['a']])('refuses %p', (key) =>
  expect(isIdempotencyKey(key)).toBe(false),
);
