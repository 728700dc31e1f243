import { median } from './closed-loop.js';

/** One row of the result: what was measured, on both sides, and what it is held to. */
export interface Figure {
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
  readonly result: string;
  readonly target: string;
  readonly met: boolean | null;
}

/**
 * Two contenders measured in turn, so that a machine whose speed drifts is fair to both; the figure is the median of
 * the rounds' ratios.
 */
export async function ratioOf(
  what: string,
  target: number | null,
  rounds: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<Figure> {
  const pairs = await inTurn(rounds, ours, theirs);
  const ratio = median(pairs.map(({ a, b }) => a / b));
  return {
    what,
    ours: `${Math.round(median(pairs.map(({ a }) => a)))}/s`,
    theirs: `${Math.round(median(pairs.map(({ b }) => b)))}/s`,
    result: ratio.toFixed(2),
    target: target === null ? '-' : `>= ${target}`,
    met: target === null ? null : ratio >= target,
  };
}

/** As `ratioOf`, of CPU milliseconds: the less the better. */
export async function cpuRatioOf(
  what: string,
  target: number,
  rounds: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<Figure> {
  const pairs = await inTurn(rounds, ours, theirs);
  const ratio = median(pairs.map(({ a, b }) => a / b));
  return {
    what,
    ours: `${median(pairs.map(({ a }) => a)).toFixed(2)} ms`,
    theirs: `${median(pairs.map(({ b }) => b)).toFixed(2)} ms`,
    result: ratio.toFixed(3),
    target: `<= ${target}`,
    met: ratio <= target,
  };
}

async function inTurn(
  rounds: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<{ a: number; b: number }[]> {
  const pairs: { a: number; b: number }[] = [];
  for (let round = 0; round < rounds; round += 1) pairs.push({ b: await theirs(), a: await ours() });
  return pairs;
}
