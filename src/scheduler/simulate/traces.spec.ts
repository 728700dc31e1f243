import { readAzureTrace, TraceFormatError } from './azure-trace.js';
import { syntheticTrace } from './synthetic-trace.js';
import { LANE_SPLIT, statisticsOf, type TracedRequest, withLanes } from './trace.js';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

type Traces = readonly (readonly TracedRequest[])[];

function meanOver(traces: Traces, of: (trace: readonly TracedRequest[]) => number): number {
  return traces.reduce((sum, trace) => sum + of(trace), 0) / traces.length;
}

function percentile(
  trace: readonly TracedRequest[],
  of: (request: TracedRequest) => number,
  part: number,
): number {
  const sorted = trace.map(of).sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length * part)]!;
}

describe('synthetic traces have the statistics of the Azure traces of 2023', () => {
  /** Of the published traces: requests a second, variation of the gaps, peak/mean over 1 s and 60 s, medians of the tokens. */
  it.each([
    ['conv', 5.53, 1.09, 2.9, 1.52, 1_020, 129],
    ['code', 2.57, 13.2, 26, 4.2, 1_469, 13],
  ] as const)('%s', (kind, perSecond, variation, peak1, peak60, prompt, answer) => {
    const traces = SEEDS.map((seed) => syntheticTrace(kind, seed));
    const near = (value: number, published: number, share: number) =>
      expect(Math.abs(value / published - 1)).toBeLessThan(share);
    near(
      meanOver(traces, (trace) => statisticsOf(trace).perSecond),
      perSecond,
      0.2,
    );
    near(
      meanOver(traces, (trace) => statisticsOf(trace).gapVariation),
      variation,
      0.2,
    );
    near(
      meanOver(traces, (trace) => statisticsOf(trace).peakToMeanOf1s),
      peak1,
      0.4,
    );
    near(
      meanOver(traces, (trace) => statisticsOf(trace).peakToMeanOf60s),
      peak60,
      0.2,
    );
    near(
      meanOver(traces, (trace) => percentile(trace, ({ promptTokens }) => promptTokens, 0.5)),
      prompt,
      0.35,
    );
    near(
      meanOver(traces, (trace) => percentile(trace, ({ answerTokens }) => answerTokens, 0.5)),
      answer,
      0.35,
    );
  });

  it('and are the same for the same seed, and others for another', () => {
    expect(syntheticTrace('code', 7)).toEqual(syntheticTrace('code', 7));
    expect(syntheticTrace('code', 7)).not.toEqual(syntheticTrace('code', 8));
  });
});

it('gives each lane its share of the requests', () => {
  const laned = withLanes(syntheticTrace('conv', 1), 1);
  for (const [lane, percent] of Object.entries(LANE_SPLIT)) {
    const share = laned.filter((request) => request.lane === lane).length / laned.length;
    expect(share).toBeCloseTo(percent / 100, 1);
  }
});

describe('the format of the Azure traces', () => {
  const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';

  it('is read with its fractions of a second, across midnight, in any order, with any ends of line', () => {
    const rows = [
      '2023-11-17 00:00:01.5000000,30,4',
      '2023-11-16 23:59:59.2500000,10,2',
      '2023-11-16 23:59:59.7500000,20,3',
    ];
    expect(readAzureTrace(`\uFEFF${HEADER}\r\n${rows.join('\r\n')}\r\n`)).toEqual([
      { atMs: 0, promptTokens: 10, answerTokens: 2 },
      { atMs: 500, promptTokens: 20, answerTokens: 3 },
      { atMs: 2250, promptTokens: 30, answerTokens: 4 },
    ]);
  });

  it.each([
    ['a,b,c\n', 'The first line'],
    [`${HEADER}\n2023-11-16 18:17:03.97,1\n`, 'Line 2'],
    [`${HEADER}\n2023-11-16 18:17:03.97,1,2\n2023-99-16 18:17:03.97,1,2\n`, 'Line 3'],
    [`${HEADER}\n2023-11-16 18:17:03.97,1,2\n`, 'two requests'],
  ])('%j is refused by the place of the fault', (text, words) => {
    expect(() => readAzureTrace(text)).toThrow(TraceFormatError);
    expect(() => readAzureTrace(text)).toThrow(words);
  });
});
