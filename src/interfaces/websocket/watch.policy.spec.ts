import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Watched, watch } from './watch.policy.js';

const times = { authenticateWithinMs: 10, pingEveryMs: 25, slowAfterMs: 30, idleAfterMs: 600 };
const client: Watched = {
  ...{ openedAtMs: 0, heardAtMs: 0, framedAtMs: 0, pingedAtMs: 0, fullSinceMs: null },
  ...{ keyEndsAtMs: Number.POSITIVE_INFINITY, admitted: true, held: false, subscriptions: 1 },
};
const at = (steadyMs: number, epochMs = 0) => ({ steadyMs, epochMs });

describe('watch', () => {
  it('pings after a silence, and takes a peer for dead after another one', () => {
    expect(watch(client, times, at(24))).toBe('fine');
    expect(watch(client, times, at(25))).toBe('ping');
    const pinged = { ...client, pingedAtMs: 25 };
    expect(watch(pinged, times, at(49))).toBe('fine');
    expect(watch(pinged, times, at(50))).toBe('dead');
    expect(watch({ ...pinged, heardAtMs: 26 }, times, at(50))).toBe('fine');
    expect(watch({ ...pinged, heardAtMs: 26 }, times, at(51))).toBe('ping');
  });

  it('waits for the key for a while, and asks nothing else of a client without one', () => {
    const stranger = { ...client, admitted: false, subscriptions: 0 };
    expect(watch(stranger, times, at(9))).toBe('fine');
    expect(watch(stranger, times, at(10))).toBe('no_key');
  });

  it('ends a client whose key has ended, busy or not', () => {
    const ending = { ...client, keyEndsAtMs: 1_000 };
    expect(watch(ending, times, at(1, 999))).toBe('fine');
    expect(watch(ending, times, at(1, 1_000))).toBe('key_expired');
    expect(watch({ ...ending, fullSinceMs: 0 }, times, at(1, 1_000))).toBe('key_expired');
  });

  it('judges one that does not read by that alone', () => {
    const full = { ...client, held: true, fullSinceMs: 100, pingedAtMs: 50 };
    expect(watch(full, times, at(129))).toBe('fine');
    expect(watch(full, times, at(130))).toBe('too_slow');
  });

  it('does not blame a client for what the service does not read', () => {
    expect(watch({ ...client, held: true, pingedAtMs: 10 }, times, at(5_000))).toBe('fine');
  });

  it('ends one that subscribes to nothing and says nothing, however well it answers to pings', () => {
    const still = { ...client, subscriptions: 0, heardAtMs: 599, pingedAtMs: 598 };
    expect(watch(still, times, at(599))).toBe('fine');
    expect(watch(still, times, at(600))).toBe('idle');
    expect(watch({ ...still, subscriptions: 1 }, times, at(600))).toBe('fine');
  });

  it('never ends a client that has just sent a frame and reads', () => {
    const any = fc.nat(10_000);
    fc.assert(
      fc.property(any, any, fc.nat(100), fc.boolean(), (now, pingedAtMs, subscriptions, held) => {
        const busy = { ...client, heardAtMs: now, framedAtMs: now, pingedAtMs, subscriptions, held };
        fc.pre(pingedAtMs <= now);
        expect(watch(busy, times, at(now))).toBe('fine');
      }),
    );
  });
});
