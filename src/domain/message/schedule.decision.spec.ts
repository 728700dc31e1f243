import fc from 'fast-check';
import { MAX_DELAY_MS, MAX_TTL_MS, type TimingRequest, timing } from './schedule.decision.js';

const NOW = Date.parse('2026-01-01T00:00:00.000Z');
const at = (ms: number) => new Date(NOW + ms).toISOString();

describe('timing', () => {
  it.each<[TimingRequest, object]>([
    [{}, { dueAt: null, deadline: null }],
    [{ delayMs: 0 }, { dueAt: null, deadline: null }],
    [{ delayMs: 90_000 }, { dueAt: at(90_000), deadline: null }],
    [{ delayMs: MAX_DELAY_MS }, { dueAt: at(MAX_DELAY_MS), deadline: null }],
    [{ scheduledAt: '2026-01-01T01:00:00+01:00' }, { dueAt: null, deadline: null }],
    [{ scheduledAt: at(-5_000) }, { dueAt: null, deadline: null }],
    [{ scheduledAt: at(5_000) }, { dueAt: at(5_000), deadline: null }],
    [{ ttlMs: 1 }, { dueAt: null, deadline: at(1) }],
    [{ deadline: at(1) }, { dueAt: null, deadline: at(1) }],
    [
      { delayMs: 10, ttlMs: 11 },
      { dueAt: at(10), deadline: at(11) },
    ],
  ])('%j', (request, expected) => {
    expect(timing(request, NOW)).toEqual(expected);
  });

  it.each<[TimingRequest, string]>([
    [{ delayMs: 1, scheduledAt: at(1) }, 'scheduledAt'],
    [{ ttlMs: 1, deadline: at(1) }, 'deadline'],
    [{ delayMs: MAX_DELAY_MS + 1 }, 'delayMs'],
    [{ scheduledAt: at(MAX_DELAY_MS + 1) }, 'scheduledAt'],
    [{ ttlMs: 0 }, 'ttlMs'],
    [{ deadline: at(0) }, 'deadline'],
    [{ ttlMs: MAX_TTL_MS + 1 }, 'ttlMs'],
    [{ delayMs: 10, ttlMs: 10 }, 'ttlMs'],
    [{ scheduledAt: at(10), deadline: at(9) }, 'deadline'],
  ])('%j is refused for its %s', (request, field) => {
    expect(timing(request, NOW)).toEqual({ field, reason: expect.any(String) });
  });

  it('never makes a message due that has expired, nor due in the past', () => {
    const ms = fc.option(fc.integer({ min: -2 * MAX_DELAY_MS, max: 2 * MAX_TTL_MS }));
    const past = fc.option(fc.nat(2 * MAX_TTL_MS));
    fc.assert(
      fc.property(past, ms, past, ms, (delayMs, scheduled, ttlMs, deadline) => {
        const request = {
          ...{ delayMs, ttlMs },
          scheduledAt: scheduled === null ? null : at(scheduled),
          deadline: deadline === null ? null : at(deadline),
        };
        const result = timing(request, NOW);
        if ('field' in result) return request[result.field] !== null;
        const due = result.dueAt === null ? NOW : Date.parse(result.dueAt);
        const end = result.deadline === null ? Number.POSITIVE_INFINITY : Date.parse(result.deadline);
        return due >= NOW && due <= NOW + MAX_DELAY_MS && end > due;
      }),
    );
  });
});
