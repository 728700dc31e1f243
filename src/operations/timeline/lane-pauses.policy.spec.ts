import { mayReadReasons, type PauseChange, pausesDuring } from './lane-pauses.policy.js';

const at = (second: number) => new Date(second * 1_000).toISOString();
/** Paused at the odd seconds, resumed at the even ones; the sequence is the second. */
const changes: PauseChange[] = [1, 2, 3, 4, 5].map((second) => ({
  ...{ sequence: second, time: at(second), paused: second % 2 === 1 },
}));
const during = (from: number, to: number | null) =>
  pausesDuring(changes, { from: at(from), to: to === null ? null : at(to) });

describe('pausesDuring', () => {
  it('has the pause that the message came into, and all until its end', () => {
    expect(during(1.5, 4.5)).toEqual([1, 2, 3, 4]);
    expect(during(3.5, null)).toEqual([3, 4, 5]);
  });

  it('leaves out what was over before, and what came after', () => {
    expect(during(2.5, 2.7)).toEqual([]);
    expect(during(4.5, 4.7)).toEqual([]);
    expect(during(0, 0.5)).toEqual([]);
    expect(during(6, null)).toEqual([5]);
  });
});

it('shows the words of a pause to its own tenant and to operators', () => {
  expect(mayReadReasons({ role: 'viewer', tenant: 'red' }, 'red')).toBe(true);
  expect(mayReadReasons({ role: 'operator', tenant: 'red' }, 'blue')).toBe(true);
  expect(mayReadReasons({ role: 'admin', tenant: 'red' }, 'blue')).toBe(false);
});
