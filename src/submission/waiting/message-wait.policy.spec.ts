import fc from 'fast-check';
import { messageWait, NO_WAIT, type Place, type WaitFacts } from './message-wait.policy.js';

const place: Place = { ahead: 4, above: 0, held: false };
const facts: WaitFacts = {
  status: 'pending',
  scheduledAt: null,
  nowMs: Date.parse('2026-01-01T00:00:00Z'),
  place,
  paused: false,
  modelBusy: false,
  drainRate: 2,
  minShare: 0.1,
};
const etaOf = (more: Partial<WaitFacts>) => messageWait({ ...facts, ...more }).etaSeconds;

describe('messageWait', () => {
  it('is nothing for a message that does not wait', () => {
    for (const status of ['processing', 'completed', 'failed', 'cancelled', 'expired'] as const) {
      expect(messageWait({ ...facts, status, place: null })).toEqual(NO_WAIT);
    }
    expect(messageWait({ ...facts, place: null })).toEqual(NO_WAIT);
  });

  it('is for a slot, with the place and the time that the model needs to get there', () => {
    expect(messageWait(facts)).toEqual({ position: 5, etaSeconds: 3, waitingFor: 'slot' });
    expect(etaOf({ drainRate: 0 })).toBeNull();
    expect(etaOf({ drainRate: null })).toBeNull();
  });

  it('is longer by what waits in the lanes above, as far as these may hold it up', () => {
    expect(etaOf({ place: { ...place, above: 20 } })).toBe(13);
    expect(etaOf({ place: { ...place, above: 10_000 } })).toBe(25);
    expect(etaOf({ place: { ...place, above: 10_000 }, minShare: 0 })).toBe(5_003);
    fc.assert(
      fc.property(fc.nat(1_000), fc.nat(1_000), fc.nat(1_000), (ahead, above, more) => {
        const eta = (of: Partial<Place>) => etaOf({ place: { ahead, above, held: false, ...of } })!;
        expect(eta({ above: above + more })).toBeGreaterThanOrEqual(eta({}));
        expect(eta({ ahead: ahead + more })).toBeGreaterThanOrEqual(eta({}));
      }),
    );
  });

  it('is for an endpoint where its model has no place', () => {
    expect(messageWait({ ...facts, modelBusy: true }).waitingFor).toBe('endpoint');
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
