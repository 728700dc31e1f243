import { describe, expect, it } from '@jest/globals';
import { NO_TOTALS, type ServedByWorker, withBeats } from './service-totals.state.js';

const NONE = { realtime: 0, high: 0, normal: 0, low: 0 };
const served = (calls: number, model = 'm'): ServedByWorker => ({
  ...{ model, running: NONE, busy_ms: 100 * calls, calls },
  ...{ counted_calls: calls, tokens: 10 * calls },
});
const beats = (of: Record<string, number>) =>
  new Map(Object.entries(of).map(([worker, calls]) => [worker, [served(calls)]]));

describe('what the slots of all workers did', () => {
  it('grows by what each did, and by the past of one that is new', () => {
    let totals = withBeats(NO_TOTALS, beats({ a: 3 }));
    totals = withBeats(totals, beats({ a: 5, b: 10 }));
    expect(totals.models.get('m')).toEqual({ busyMs: 1_500, calls: 15, countedCalls: 15, tokens: 150 });
  });

  it('never falls when a worker goes, begins anew, or was only silent', () => {
    let totals = withBeats(NO_TOTALS, beats({ a: 5, b: 5 }));
    totals = withBeats(totals, beats({ b: 6 }));
    expect(totals.models.get('m')!.calls).toBe(11);
    totals = withBeats(totals, beats({ a: 7, b: 6 }));
    expect(totals.models.get('m')!.calls).toBe(13);
    totals = withBeats(totals, beats({ a: 2, b: 6 }));
    expect(totals.models.get('m')!.calls).toBe(15);
  });
});
