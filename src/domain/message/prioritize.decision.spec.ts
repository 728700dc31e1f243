import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LANES, type Lane } from './lane.policy.js';
import { type PriorityGrounds, prioritize } from './prioritize.decision.js';

const analysis = { tokens: 1, words: 1, language: 'en', question: false, sentiment: 0, score: 0 };
const nothing: PriorityGrounds = {
  ...{ explicit: null, override: null, conversation: null, mostUrgent: 'realtime', userDefault: null },
  ...{ matchRules: () => null, analysis, thresholds: { realtime: null, high: 0.8 }, fallback: 'normal' },
};
const lane = fc.constantFrom<Lane>(...LANES);
const maybe = fc.option(lane);

describe('prioritize', () => {
  it('takes the strongest ground there is, and names it', () => {
    const rule = { id: 'r1', priority: 'high' } as const;
    const all: PriorityGrounds = {
      ...nothing,
      explicit: 'low',
      override: 'realtime',
      conversation: 'high',
      userDefault: 'normal',
      matchRules: () => rule,
      analysis: { ...analysis, score: 1 },
      fallback: 'low',
    };
    const decided = (without: Partial<PriorityGrounds>) => {
      const { priority, reason } = prioritize({ ...all, ...without });
      return `${priority} ${reason}`;
    };
    expect(decided({})).toBe('low explicit');
    expect(decided({ explicit: null })).toBe('realtime metadata');
    expect(decided({ explicit: null, override: null })).toBe('high conversation');
    const unasked = { explicit: null, override: null, conversation: null };
    expect(decided(unasked)).toBe('normal user_default');
    expect(decided({ ...unasked, userDefault: null })).toBe('high rule:r1');
    const byContent = { ...unasked, userDefault: null, matchRules: () => null };
    expect(decided(byContent)).toBe('high analysis');
    expect(decided({ ...byContent, analysis })).toBe('low default');
  });

  it('lowers what is asked for to what the caller may ask for, and nothing else', () => {
    fc.assert(
      fc.property(
        maybe,
        maybe,
        maybe,
        lane,
        maybe,
        (explicit, override, conversation, mostUrgent, userDefault) => {
          const grounds = { ...nothing, explicit, override, conversation, mostUrgent, userDefault };
          const { priority, reason } = prioritize(grounds);
          const asked = explicit ?? override ?? conversation;
          if (asked === null) expect(priority).toBe(userDefault ?? 'normal');
          else {
            expect(reason).toBe(
              explicit !== null ? 'explicit' : override !== null ? 'metadata' : 'conversation',
            );
            expect(LANES.indexOf(priority)).toBe(Math.max(LANES.indexOf(asked), LANES.indexOf(mostUrgent)));
          }
        },
      ),
    );
  });

  it('asks the rules only where nothing stronger speaks', () => {
    const matchRules = () => {
      throw new Error('asked');
    };
    for (const grounds of [{ explicit: 'low' }, { override: 'low' }, { userDefault: 'low' }] as const) {
      expect(prioritize({ ...nothing, ...grounds, matchRules }).priority).toBe('low');
    }
    expect(() => prioritize({ ...nothing, matchRules })).toThrow('asked');
  });

  it('always records the analysis, and lifts by its score no further than the thresholds say', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.record({
          realtime: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
          high: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
        }),
        (score, thresholds) => {
          const found = { ...analysis, score };
          const { priority, analysis: recorded } = prioritize({ ...nothing, analysis: found, thresholds });
          expect(recorded).toBe(found);
          const reaches = (least: number | null) => least !== null && score >= least;
          expect(priority === 'realtime').toBe(reaches(thresholds.realtime));
          expect(priority === 'high').toBe(!reaches(thresholds.realtime) && reaches(thresholds.high));
        },
      ),
    );
  });
});
