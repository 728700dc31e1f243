import fc from 'fast-check';
import { type Deployment, type NextStep, type Refusals, turnedAway } from './turned-away.policy.js';

const NEVER = Number.NEGATIVE_INFINITY;

/** A message that is refused at these times, by a deployment that stands like this each time. */
function refused(reason: Parameters<typeof turnedAway>[1], at: readonly (Deployment & { atMs: number })[]) {
  let refusals: Refusals | null = null;
  const steps: NextStep[] = [];
  for (const { atMs, ...deployment } of at) {
    const told = turnedAway(refusals, reason, deployment, atMs);
    refusals = told.refusals;
    steps.push(told.next);
  }
  return { steps, refusals: refusals! };
}

const times = (count: number, servedBetween: boolean) =>
  Array.from({ length: count }, (_, at) => ({
    ...{ atMs: at * 1_000, closedForMs: 700 },
    servedMs: servedBetween && at > 0 ? at * 1_000 - 500 : NEVER,
  }));

it('tries again first, and from the second refusal in a row on behind others', () => {
  const { steps } = refused('unavailable', times(3, false));
  expect(steps).toEqual([
    { kind: 'wait', delayMs: 0 },
    { kind: 'wait', delayMs: 950 },
    { kind: 'wait', delayMs: 950 },
  ]);
});

it.each([
  ['unavailable', 3],
  ['rate_limited', 20],
] as const)('fails what is %s for the %i th time while others are answered', (reason, most) => {
  const kinds = refused(reason, times(most + 1, true)).steps.map(({ kind }) => kind);
  expect(kinds.indexOf('fail')).toBe(most);
});

it('lets the next attempt begin behind others, with as many refusals before it fails', () => {
  const { steps } = refused('unavailable', times(7, true));
  expect(steps.map(({ kind }) => kind).join()).toBe('wait,wait,wait,fail,wait,wait,fail');
  expect(steps.slice(1).every((step) => step.kind === 'fail' || step.delayMs > 700)).toBe(true);
});

const reasons = fc.constantFrom('unavailable', 'rate_limited', 'quota_exceeded', 'refused_connection');
const passing = fc.array(fc.tuple(fc.nat(100_000), fc.nat(60_000)), { maxLength: 200 });

it('never fails a message at a server that answers nobody in between', () => {
  fc.assert(
    fc.property(reasons, passing, fc.double({ max: 0, noNaN: true }), (reason, gaps, servedMs) => {
      let atMs = 0;
      const at = gaps.map(([gap, closedForMs]) => {
        atMs += gap;
        return { atMs, closedForMs, servedMs };
      });
      return refused(reason, at).steps.every(({ kind }) => kind === 'wait');
    }),
  );
});

it('never makes a message wait, or fail, for what no request brings about', () => {
  fc.assert(
    fc.property(fc.constantFrom('quota_exceeded', 'refused_connection'), fc.boolean(), (reason, served) => {
      const { steps } = refused(reason, times(50, served));
      return steps.every((step) => step.kind === 'wait' && step.delayMs === 0);
    }),
  );
});

it('lets others go before it until the server may be called, and not much longer', () => {
  fc.assert(
    fc.property(passing, fc.boolean(), (gaps, served) => {
      let atMs = 0;
      const at = gaps.map(([gap, closedForMs]) => {
        atMs += gap + 2;
        return { atMs, closedForMs, servedMs: served ? atMs - 1 : NEVER };
      });
      return refused('unavailable', at).steps.every(
        (step, index) =>
          index === 0 ||
          step.kind === 'fail' ||
          (step.delayMs > at[index]!.closedForMs && step.delayMs <= at[index]!.closedForMs + 4_000),
      );
    }),
  );
});
