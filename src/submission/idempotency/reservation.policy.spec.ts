import { describe, expect, it } from '@jest/globals';
import { isIdempotencyKey, judge, type Reservation, reservationSchema } from './reservation.policy.js';

const seed = '0190f5fe-7c00-7a00-8000-000000000001';
const running = { state: 'running', fingerprint: 'a', seed, beat: 3 } as const;
const response = { status: 202, headers: { location: '/x' }, body: '{}' };

describe('judge', () => {
  it('lets a request wait while the first one is alive', () =>
    expect(judge(running, 'a', 99, 100)).toEqual({ kind: 'wait' }));

  it('takes over from one that fell silent, with its seed', () =>
    expect(judge(running, 'a', 100, 100)).toEqual({ kind: 'take', seed }));

  it('takes over at once where nobody knows the outcome', () =>
    expect(judge({ state: 'uncertain', fingerprint: 'a', seed }, 'a', 0, 100)).toEqual({
      kind: 'take',
      seed,
    }));

  it('gives the first response again', () =>
    expect(judge({ state: 'done', fingerprint: 'a', response }, 'a', 0, 100)).toEqual({
      kind: 'replay',
      response,
    }));

  it.each<Reservation>([
    running,
    { state: 'uncertain', fingerprint: 'a', seed },
    { state: 'done', fingerprint: 'a', response },
  ])('refuses another request under the key of %j, however old', (reservation) =>
    expect(judge(reservation, 'b', 1e9, 100)).toEqual({ kind: 'reused' }),
  );

  it('begins anew, for any request, after a refusal', () =>
    expect(judge({ state: 'free' }, 'b', 0, 100)).toEqual({ kind: 'take', seed: null }));

  it('reads what it writes', () => {
    for (const reservation of [running, { state: 'done', fingerprint: 'a', response }, { state: 'free' }]) {
      expect(reservationSchema.parse(JSON.parse(JSON.stringify(reservation)))).toEqual(reservation);
    }
  });
});

describe('isIdempotencyKey', () => {
  it.each(['a', 'order 17', '"quoted"', 'x'.repeat(255)])('takes %p', (key) =>
    expect(isIdempotencyKey(key)).toBe(true),
  );

  it.each(['', 'x'.repeat(256), 'tab\there', 'é', 'a\u0000', undefined, ['a']])('refuses %p', (key) =>
    expect(isIdempotencyKey(key)).toBe(false),
  );
});
