import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type AppendTrouble,
  isFull,
  type LogRoomState,
  type RestartView,
  restartHelps,
  roomOf,
  type StoreView,
} from './log-room.policy.js';

const MIB = 1024 * 1024;
const RULES = { reserveBytes: 512 * MIB, giveUpAfterMs: 5_000 };
const OPEN = { kind: 'open' } as const;
const view: StoreView = {
  ...{ freeBytes: 10_000 * MIB, usedBytes: 100 * MIB, limitBytes: null, trouble: null, metFullDisk: false },
};
const trouble: AppendTrouble = {
  ...{ forMs: 2_000, lastMsAgo: 0, reason: 'no answer within 2000 ms', full: false },
};
const kindOf = (seen: Partial<StoreView>, before: LogRoomState = OPEN) =>
  roomOf({ ...view, ...seen }, before, RULES).kind;

describe('roomOf', () => {
  it('is open while the disk and the store have more than the reserve', () => {
    expect(kindOf({})).toBe('open');
    expect(kindOf({ limitBytes: 612 * MIB })).toBe('open');
    expect(kindOf({ freeBytes: null, usedBytes: null, limitBytes: null })).toBe('open');
  });

  it('keeps the reserve, on the disk and below the limit', () => {
    expect(kindOf({ freeBytes: 511 * MIB })).toBe('disk_reserve');
    expect(kindOf({ limitBytes: 611 * MIB })).toBe('store_reserve');
  });

  it('names a full disk where an append failed and the disk, the log of the server or the broker says so', () => {
    expect(kindOf({ trouble, freeBytes: 3 * MIB })).toBe('disk_full');
    expect(kindOf({ trouble, metFullDisk: true })).toBe('disk_full');
    const told = { ...trouble, reason: 'write 7.blk: no space left on device (10077)' };
    expect(kindOf({ trouble: told, freeBytes: null })).toBe('disk_full');
  });

  it('goes on naming it when there is space again, because the server keeps the error', () => {
    const long = { ...trouble, lastMsAgo: 3_600_000 };
    expect(kindOf({ trouble: long, metFullDisk: true })).toBe('disk_full');
    expect(kindOf({ trouble: long }, { kind: 'disk_full', reason: '' })).toBe('disk_full');
    expect(kindOf({}, { kind: 'disk_full', reason: '' })).toBe('open');
  });

  it('forgets it where a server of one’s own is not asked any more', () => {
    const long = { ...trouble, lastMsAgo: 20_000 };
    expect(kindOf({ trouble: long, freeBytes: null }, { kind: 'disk_full', reason: '' })).toBe('open');
  });

  it('is unsure of appends without an answer, and certain once one would wait in vain', () => {
    expect(kindOf({ trouble: { ...trouble, forMs: 1_000 } })).toBe('open');
    expect(kindOf({ trouble })).toBe('unsure');
    expect(kindOf({ trouble: { ...trouble, forMs: 5_000 } })).toBe('not_storing');
  });

  it('lets in again where nobody has tried for a while', () => {
    expect(kindOf({ trouble: { ...trouble, forMs: 60_000, lastMsAgo: 20_000 } })).toBe('open');
    expect(kindOf({ trouble: { ...trouble, full: true, lastMsAgo: 4_000 } })).toBe('store_full');
    expect(kindOf({ trouble: { ...trouble, full: true, lastMsAgo: 5_000 } })).toBe('open');
  });

  const bytes = fc.integer({ min: 0, max: 4_000 * MIB });
  const anyBefore = fc.constantFrom<LogRoomState>(
    OPEN,
    { kind: 'disk_reserve', freeBytes: 0, neededBytes: 0 },
    { kind: 'store_reserve', usedBytes: 0, limitBytes: 0, neededBytes: 0 },
    { kind: 'disk_full', reason: '' },
    { kind: 'store_full', reason: '' },
  );

  it('never takes a message that would leave less than the reserve', () => {
    fc.assert(
      fc.property(bytes, bytes, bytes, anyBefore, (freeBytes, usedBytes, limitBytes, before) => {
        const seen = { ...view, freeBytes, usedBytes, limitBytes };
        if (isFull(roomOf(seen, before, RULES))) return;
        expect(freeBytes).toBeGreaterThanOrEqual(RULES.reserveBytes);
        expect(limitBytes - usedBytes).toBeGreaterThanOrEqual(RULES.reserveBytes);
      }),
    );
  });

  it('does not flap: what opens it is a quarter more than what closes it', () => {
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 50 }), (readings) => {
        let state: LogRoomState = OPEN;
        let closedAt = 0;
        for (const freeBytes of readings) {
          const next = roomOf({ ...view, freeBytes }, state, RULES);
          if (isFull(next) && !isFull(state)) closedAt = freeBytes;
          if (!isFull(next) && isFull(state)) {
            expect(freeBytes - closedAt).toBeGreaterThanOrEqual(RULES.reserveBytes / 4);
          }
          state = next;
        }
      }),
    );
  });

  it('with more room it is never stricter', () => {
    fc.assert(
      fc.property(bytes, bytes, anyBefore, (one, other, before) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        const closed = (freeBytes: number) => isFull(roomOf({ ...view, freeBytes }, before, RULES));
        if (closed(more)) expect(closed(less)).toBe(true);
      }),
    );
  });
});

describe('restartHelps', () => {
  const diskFull: RestartView = {
    ...{ state: { kind: 'disk_full', reason: '' }, freeBytes: 100 * MIB, sinceRestartMs: Infinity },
    ...{ answers: true, limitFollowsDisk: true, metFullDisk: false },
  };

  it('when a server that met a full disk has space again, and not before', () => {
    expect(restartHelps(diskFull)).toBe(true);
    expect(restartHelps({ ...diskFull, freeBytes: 31 * MIB })).toBe(false);
    expect(restartHelps({ ...diskFull, sinceRestartMs: 14_000 })).toBe(false);
    expect(restartHelps({ ...diskFull, state: OPEN })).toBe(false);
    expect(restartHelps({ ...diskFull, state: OPEN, metFullDisk: true })).toBe(true);
  });

  it('when a store is full whose limit is read off the disk at the start', () => {
    const storeFull: RestartView = { ...diskFull, state: { kind: 'store_full', reason: '' } };
    expect(restartHelps(storeFull)).toBe(true);
    expect(restartHelps({ ...storeFull, limitFollowsDisk: false })).toBe(false);
  });

  it('when a server answers everything but appends for long; one that answers nothing may be busy', () => {
    const stuck: RestartView = { ...diskFull, state: { kind: 'not_storing', reason: '', forMs: 30_000 } };
    expect(restartHelps(stuck)).toBe(true);
    expect(restartHelps({ ...stuck, answers: false })).toBe(false);
    expect(restartHelps({ ...stuck, state: { kind: 'not_storing', reason: '', forMs: 29_000 } })).toBe(false);
    for (const kind of ['open', 'unsure'] as const) {
      const state = { kind, reason: '', forMs: 60_000 } as LogRoomState;
      expect(restartHelps({ ...stuck, state })).toBe(false);
    }
  });
});
