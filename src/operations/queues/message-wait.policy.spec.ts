import fc from 'fast-check';
import { messageWait, NO_WAIT, type Place, positionOf, type WaitFacts } from './message-wait.policy.js';

const place: Place = {
  ahead: 4,
  more: false,
  sequence: 50,
  firstSequence: 10,
  lastSequence: 90,
  held: false,
};
const facts: WaitFacts = {
  status: 'pending',
  lane: 'low',
  scheduledAt: null,
  nowMs: Date.parse('2026-01-01T00:00:00Z'),
  place,
  paused: false,
  modelBusy: false,
  freeSlots: 0,
  waiting: 9,
  drainRate: 2,
};

describe('messageWait', () => {
  it('is nothing for a message that does not wait', () => {
    for (const status of ['processing', 'completed', 'failed', 'cancelled', 'expired'] as const) {
      expect(messageWait({ ...facts, status, place: null })).toEqual(NO_WAIT);
    }
    expect(messageWait({ ...facts, place: null })).toEqual(NO_WAIT);
  });

  it('is for a slot, with the place and the time that the lane needs to get there', () => {
    expect(messageWait(facts)).toEqual({ position: 5, etaSeconds: 3, waitingFor: 'slot' });
    expect(messageWait({ ...facts, drainRate: 0 }).etaSeconds).toBeNull();
    expect(messageWait({ ...facts, drainRate: null }).etaSeconds).toBeNull();
  });

  it('is for an endpoint where slots are free and its model has no place', () => {
    expect(messageWait({ ...facts, modelBusy: true, freeSlots: 1 }).waitingFor).toBe('endpoint');
    expect(messageWait({ ...facts, modelBusy: true }).waitingFor).toBe('slot');
    expect(messageWait({ ...facts, freeSlots: 1 }).waitingFor).toBe('slot');
  });

  it('is for its time', () => {
    const scheduled = { ...facts, status: 'scheduled', place: null, paused: true } as const;
    expect(messageWait({ ...scheduled, scheduledAt: '2026-01-01T00:01:00.500Z' })).toEqual({
      ...{ position: null, etaSeconds: 61, waitingFor: 'schedule' },
    });
    expect(messageWait({ ...scheduled, scheduledAt: '2025-01-01T00:00:00Z' }).etaSeconds).toBe(0);
  });

  it('is for its turn, or for its lane to go on', () => {
    expect(messageWait({ ...facts, paused: true, place: { ...place, held: true } }).waitingFor).toBe('turn');
    expect(messageWait({ ...facts, paused: true })).toEqual({
      position: 5,
      etaSeconds: null,
      waitingFor: 'paused',
    });
  });
});

describe('positionOf', () => {
  it('is an estimate beyond what was counted, and never less than that', () => {
    const far = { ...place, ahead: 10_000, more: true };
    expect(positionOf(far, 100_000)).toBe(50_000);
    expect(positionOf(far, 100)).toBe(10_001);
    expect(positionOf(far, null)).toBe(10_001);
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        (sequence, firstSequence, lastSequence, waiting) => {
          const position = positionOf({ ...far, sequence, firstSequence, lastSequence }, waiting);
          expect(position).toBeGreaterThan(10_000);
          expect(position).toBeLessThanOrEqual(Math.max(10_001, waiting));
        },
      ),
    );
  });
});
