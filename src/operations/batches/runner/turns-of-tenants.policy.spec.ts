import { describe, expect, it } from '@jest/globals';
import { inTurnOfTenants } from './turns-of-tenants.policy.js';

const of = (tenants: string) => [...tenants].map((tenant, id) => ({ tenant, id }));
const turns = (waiting: string, underWay = '') =>
  inTurnOfTenants(of(waiting), of(underWay))
    .map(({ tenant, id }) => `${tenant}${id}`)
    .join(' ');

describe('batches that wait', () => {
  it('are taken up one tenant after the other, each tenant’s as they came', () => {
    expect(turns('aaab')).toBe('a0 b3 a1 a2');
    expect(turns('aabbc')).toBe('a0 b2 c4 a1 b3');
    expect(turns('')).toBe('');
  });

  it('wait for those of tenants that have fewer under way', () => {
    expect(turns('aab', 'aa')).toBe('b2 a0 a1');
    expect(turns('ab', 'ab')).toBe('a0 b1');
  });
});
