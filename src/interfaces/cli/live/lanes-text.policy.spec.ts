import { expect, it } from '@jest/globals';
import { lanesText } from './lanes-text.policy.js';

it('shows the lanes as a table, and what is not known as such', () => {
  const lane = {
    ...{ lane: 'high', waiting: 3, running: 1, held: 0, scheduled: 2, dead: 0, oldest_age_seconds: 61 },
    ...{ utilisation: 0.5, throughput: 1.25, p95_wait_ms: 12.4, paused: true },
  };
  const unknown = {
    ...{ ...lane, lane: 'low', waiting: null, oldest_age_seconds: null, utilisation: null },
    ...{ throughput: null, p95_wait_ms: null, paused: false },
  };
  expect(lanesText([lane, unknown])).toBe(
    `lane  waiting  running  held  scheduled  dead  oldest     in use  ended/s  p95 wait
----  -------  -------  ----  ---------  ----  ---------  ------  -------  --------  ------
high  3        1        0     2          0     1 min 1 s  50 %    1.3      12 ms     paused
low   -        1        0     2          0     -          -       -        -
`,
  );
});
