import fc from 'fast-check';
import { countedRoutes, type ToldRoute } from './counted-routes.policy.js';

const count = fc.nat(1_000);
const untouched = count.map(
  (arrived): ToldRoute => ({ waiting: arrived, delivered: 0, arrived, consumer: null }),
);
const touched = fc
  .record({ waiting: count, delivered: count, settled: count, redelivered: count, next: count })
  .map(
    ({ waiting, delivered, settled, redelivered, next }): ToldRoute => ({
      ...{ waiting, delivered, arrived: waiting + delivered + settled },
      consumer: { redelivered, next },
    }),
  );
const absent = fc.constant(undefined);

it('counts a model that nobody served by what lies in the log, and an absent route as nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(untouched, absent), { minLength: 1 }), (told) => {
      const counted = countedRoutes(told, false)!;
      expect(counted.map(({ waiting, delivered, arrived }) => [waiting, delivered, arrived])).toEqual(
        told.map((route) => [route?.arrived ?? 0, 0, route?.arrived ?? 0]),
      );
      for (const { consumer } of counted) expect(consumer).toEqual({ redelivered: 0, next: 1 });
    }),
  );
});

it('knows nothing of a model that is served where a consumer is missing, whatever the others tell', () => {
  fc.assert(
    fc.property(fc.array(touched), fc.oneof(untouched, absent), fc.array(touched), (some, gone, more) => {
      expect(countedRoutes([...some, gone, ...more], true)).toBeNull();
    }),
  );
});

it('takes what consumers tell as it is, served or not', () => {
  fc.assert(
    fc.property(fc.array(touched), fc.boolean(), (told, isServed) => {
      expect(countedRoutes(told, isServed)).toEqual(told);
    }),
  );
});
