import fc from 'fast-check';
import { laneRoom, mostBeyondLimit } from './lane-room.policy.js';

const view = { limit: 100, waiting: 40, own: 10, others: 10, processes: 1, taken: 0 };

it('gives a process that is alone all that is free', () => {
  expect(laneRoom(view)).toEqual({ free: 40, now: 40 });
  expect(laneRoom({ ...view, waiting: 90 })).toEqual({ free: -10, now: 0 });
});

it('gives one of several its part, and never none while one place is free', () => {
  expect(laneRoom({ ...view, processes: 2 })).toEqual({ free: 40, now: 10 });
  expect(laneRoom({ ...view, processes: 2, own: 14, taken: 4 })).toEqual({ free: 36, now: 6 });
  expect(laneRoom({ ...view, processes: 2, own: 20, taken: 10 })).toEqual({ free: 30, now: 0 });
  expect(laneRoom({ ...view, processes: 5, waiting: 79 })).toEqual({ free: 1, now: 1 });
});

/** Processes that take as much as they may, hear of each other with a delay, and read the lane whenever they like. */
it('keeps the lane within its bound, whoever takes how much, and whoever reads the lane when', () => {
  const act = fc.record({ process: fc.nat(4), wants: fc.oneof(fc.nat(5), fc.nat(500)), reads: fc.boolean() });
  const interval = fc.record({ acts: fc.array(act, { maxLength: 12 }), late: fc.array(fc.boolean()) });
  const all = fc.record({
    limit: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 1_000 })),
    processes: fc.integer({ min: 1, max: 5 }),
    intervals: fc.array(interval, { maxLength: 30 }),
  });
  fc.assert(
    fc.property(all, ({ limit, processes, intervals }) => {
      const names = Array.from({ length: processes }, (_, at) => at);
      const put = names.map(() => 0);
      let told = names.map(() => 0);
      const heard = names.map(() => names.map(() => 0));
      const atReading = names.map(() => ({ waiting: 0, put: names.map(() => 0) }));
      const lane = () => put.reduce((sum, each) => sum + each, 0);
      for (const { acts, late } of intervals) {
        const taken = names.map(() => 0);
        for (const { process, wants, reads } of acts) {
          const me = process % processes;
          // Its own it knows at once, the others' as far as it heard.
          const known = (other: number) => (other === me ? put[me]! : heard[me]![other]!);
          if (reads) atReading[me] = { waiting: lane(), put: names.map(known) };
          const since = (other: number) => known(other) - atReading[me]!.put[other]!;
          const others = names.filter((other) => other !== me).reduce((sum, other) => sum + since(other), 0);
          const { waiting } = atReading[me]!;
          const seen = { limit, waiting, own: since(me), others, processes, taken: taken[me]! };
          const takes = Math.min(wants, laneRoom(seen).now);
          put[me]! += takes;
          taken[me]! += takes;
          expect(lane()).toBeLessThanOrEqual(limit + mostBeyondLimit(processes));
        }
        // What was told before is heard by now, and of what was told now, some.
        for (const me of names) {
          for (const other of names) heard[me]![other] = late[other] === false ? put[other]! : told[other]!;
        }
        told = [...put];
      }
    }),
    { numRuns: 500 },
  );
});
