import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inBoth, RecordList } from '../../log/record-ranges.policy.js';
import { isAnotherLog, type LogNow, logDamage } from './log-damage.policy.js';
import { damageText, lostRecords } from './log-damage.words.js';

const id = (sequence: number) => `event-${sequence}`;
/** The position of the last event of a record. */
const at = (record: number) => (record === 0 ? 0 : 2 * record + 1);
const whole = (records: number): LogNow => ({ lastSequence: at(records), unexplained: [], eventIdAt: id });
const known = (sequence: number) => ({ sequence, eventId: id(sequence) });

const anyLog = fc.integer({ min: 0, max: 1_000 });

describe('the log held against the tables', () => {
  it('is whole as long as it holds what they were built with, however far it went on', () => {
    fc.assert(
      fc.property(anyLog, anyLog, anyLog, (applied, more, earlier) => {
        const before = Math.min(earlier, applied);
        expect(logDamage(whole(applied + more), [known(at(applied)), known(at(before))])).toEqual([]);
      }),
    );
  });

  it('has lost exactly the records between its end and where the tables are', () => {
    fc.assert(
      fc.property(anyLog, fc.integer({ min: 1, max: 50 }), (records, lost) => {
        const [endsAt, knownUpTo] = [at(records), at(records + lost)];
        const damage = logDamage(whole(records), [known(knownUpTo)]);
        expect(damage).toEqual([{ kind: 'end_lost', endsAt, knownUpTo }]);
        expect([lostRecords(damage), damage.every(isAnotherLog)]).toEqual([lost, true]);
      }),
    );
  });

  it('is another one where another event is at a place that they know, now or at an earlier look', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1 }),
        fc.nat(),
        (places, pick) => {
          const replaced = places[pick % places.length]!;
          const log = {
            ...whole(100),
            eventIdAt: (place: number) => (place === replaced ? 'another' : id(place)),
          };
          const damage = logDamage(log, places.map(known));
          expect(damage).toEqual([
            { kind: 'replaced', sequence: replaced, found: 'another', known: id(replaced) },
          ]);
          expect(damage.every(isAnotherLog)).toBe(true);
        },
      ),
    );
  });

  it('is not proved to be another one by an empty place, nor by an event that was never kept', () => {
    expect(logDamage({ ...whole(9), eventIdAt: () => null }, [known(5)])).toEqual([]);
    expect(logDamage(whole(9), [{ sequence: 5, eventId: null }])).toEqual([]);
    expect(logDamage(whole(0), [{ sequence: 0, eventId: null }])).toEqual([]);
  });

  it('has lost what is missing and unexplained, which the tables survive', () => {
    const ranges = fc.array(fc.tuple(fc.integer({ min: 1, max: 500 }), fc.nat(9)), { minLength: 1 });
    fc.assert(
      fc.property(ranges, (pairs) => {
        const list = new RecordList();
        for (const [from, more] of pairs) list.add(from, from + more);
        const unexplained = [...list.merged()];
        const damage = logDamage({ ...whole(600), unexplained }, [known(1_201)]);
        expect(damage).toEqual([{ kind: 'records_missing', ranges: unexplained }]);
        expect(damage.some(isAnotherLog)).toBe(false);
        const all = [...inBoth([{ from: 1, to: 600 }], unexplained)];
        expect(lostRecords(damage)).toBe(all.reduce((sum, { from, to }) => sum + to - from + 1, 0));
      }),
    );
  });

  it('is told in sequences', () => {
    expect(damageText({ kind: 'end_lost', endsAt: 7, knownUpTo: 13 })).toBe(
      'the log ends at sequence 7, the projection is at 13: it has lost sequences 8 to 13 (3 records)',
    );
    const ranges = Array.from({ length: 7 }, (_, at) => ({ from: 10 * at + 1, to: 10 * at + 1 }));
    expect(damageText({ kind: 'records_missing', ranges })).toMatch(
      /^the log has lost sequences 2 to 3 \(one record\), .* and 2 more ranges, and no erasure names them$/,
    );
  });
});
