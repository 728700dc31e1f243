import { describe, expect, it } from '@jest/globals';
import { instantOf } from './instant.policy.js';

describe('instantOf', () => {
  it.each([
    ['2030-01-31T09:00:00Z', '2030-01-31T09:00:00.000Z'],
    ['2030-01-31T09:00:00.123456Z', '2030-01-31T09:00:00.123Z'],
    ['2030-01-31T09:00+02:00', '2030-01-31T07:00:00.000Z'],
    ['2030-01-31T09:00:00 02:00', '2030-01-31T07:00:00.000Z'],
    ['2030-01-31', '2030-01-31T00:00:00.000Z'],
  ])('reads %s', (text, expected) => expect(instantOf(text)).toBe(expected));

  it.each([
    '',
    'now',
    '2030',
    '2030-01-31T09:00:00',
    '2030-13-01',
    '2030-11-31',
    '2030-02-29T00:00:00Z',
    '2030-02-31T25:00:00Z',
    '1700000000',
    '2030-01-31 09:00Z',
  ])('refuses %p', (text) => expect(instantOf(text)).toBeNull());
});
