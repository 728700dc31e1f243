import { describe, expect, it } from '@jest/globals';
import { fitted, type Reading, topText } from './top-text.policy.js';

const lane = {
  ...{ lane: 'high', waiting: 3, running: 1, held: 0, scheduled: 2, dead: 0, oldest_age_seconds: 1 },
  ...{ utilisation: 0.5, throughput: 1, p95_wait_ms: 12, paused: false },
};
const reading: Reading = {
  at: '2030-01-01T10:20:30.000Z',
  lanes: { workers: 2, data: [lane, { ...lane, lane: 'low', waiting: null }] },
  endpoints: null,
};

describe('what top shows', () => {
  it('begins with the sums over all lanes, and says what the key may not see', () => {
    const text = topText(reading, 'http://queue');
    expect(text).toMatch(/^http:\/\/queue {2}10:20:30 UTC {2}workers 2 {2}waiting 3 {2}running 2\n\nlane/);
    expect(text).toContain('Endpoints are shown to the key of an operator.');
    expect(topText({ ...reading, endpoints: [] }, 'u')).toContain('There are no endpoints.');
  });

  it('fits into the terminal', () => {
    expect(fitted('one line\ntwo\nthree\n', 3, 3)).toEqual(['one', 'two']);
    expect(fitted('one', 80, 1)).toEqual(['one']);
  });
});
