import { describe, expect, it } from '@jest/globals';
import { exitCodeOf, reportText, type ToldReport } from './doctor.policy.js';

const report: ToldReport = {
  ...{ at: '2030-01-01T00:00:00.000Z', version: '1.2.3', verdict: 'wrong' },
  questions: [
    { question: 'flow', verdict: 'wrong' },
    { question: 'success', verdict: 'unknown' },
    { question: 'freshness', verdict: 'well' },
  ],
  findings: [
    {
      ...{ question: 'flow', severity: 'warning', text: 'The lane low is paused.' },
      evidence: { lane: 'low', waiting: 3, reason: null },
      action: { kind: 'call', text: 'Resume the lane.', at: 'POST /api/v1/admin/lanes/low/resume' },
    },
    {
      ...{ question: 'flow', severity: 'note', text: 'The endpoint gpu is slow.' },
      evidence: { models: ['m', 'n'], reason: 'red \u001b[31m words' },
      action: { kind: 'guide', text: 'Mend it.', at: 'docs/operations.md#endpoints' },
    },
  ],
  unknown: [{ signal: 'ended', why: 'no answer in 3 s' }],
};

describe('what the doctor says', () => {
  it('is the verdict, the answers, the findings with what to do, and what is not known', () => {
    expect(reportText(report, { url: 'http://127.0.0.1:8080', withKey: false })).toBe(`Something is wrong.
http://127.0.0.1:8080, version 1.2.3, 2030-01-01T00:00:00.000Z

flow       wrong    Does work start?
success    unknown  Does it end well?
freshness  well     Is what we see current?

1. warning (flow): The lane low is paused.
   lane: low
   waiting: 3
   next: Resume the lane.
         curl -s -X POST 'http://127.0.0.1:8080/api/v1/admin/lanes/low/resume'

2. note (flow): The endpoint gpu is slow.
   models: m, n
   reason: red  [31m words
   next: Mend it.
         docs/operations.md#endpoints

Not known, and counted neither as good nor as bad:
- ended: no answer in 3 s
`);
  });

  it('has a key in its commands where one was given, and never which', () => {
    expect(reportText(report, { url: 'http://queue', withKey: true })).toContain(
      `curl -s -X POST -H "authorization: Bearer $LLMQ_KEY" 'http://queue/api/v1/admin/lanes/low/resume'`,
    );
  });

  it('ends with 0 only when all is well', () => {
    const codes = ['well', 'wrong', 'unknown', 'what a newer one says'].map((verdict) =>
      exitCodeOf({ verdict }),
    );
    expect(codes).toEqual([0, 1, 2, 2]);
  });
});
