import { SeededRandom } from './seeded-random.js';
import type { TracedRequest } from './trace.js';

/**
 * Traces with the statistics of the two Azure LLM inference traces of 2023 (AzurePublicDataset, CC-BY-4.0; Patel et al.,
 * "Splitwise", ISCA 2024), for those who don't have the files. docs/scaling.md compares them.
 */
export type SyntheticKind = 'conv' | 'code';

/** Of the logarithms, as fitted to the traces, and the longest prompt and answer in them. */
const TOKENS = {
  conv: { prompt: [6.63, 0.99, 14_050], answer: [5.02, 0.86, 1_000] },
  code: { prompt: [7.0, 1.36, 7_437], answer: [2.79, 0.85, 1_899] },
} as const;

export function syntheticTrace(kind: SyntheticKind, seed: number, seconds = 3_450): TracedRequest[] {
  const random = new SeededRandom(seed);
  const times = kind === 'conv' ? conversationTimes(random, seconds) : codeTimes(random, seconds);
  return withTokens(kind, times, random);
}

/**
 * Requests of a trace in another order of time: as a constant Poisson process of its mean rate, which rises to `factor` times as
 * much for the middle third.
 */
export function loadStep(
  trace: readonly TracedRequest[],
  seed: number,
  factor: number,
  seconds: number,
): TracedRequest[] {
  const random = new SeededRandom(seed);
  const perSecond = (trace.length * 1000) / trace.at(-1)!.atMs;
  const isHigh = (second: number) => second >= seconds / 3 && second < (2 * seconds) / 3;
  const times = poissonTimes(random, seconds, perSecond * factor, (second) =>
    isHigh(second) ? perSecond * factor : perSecond,
  );
  return times.map((at) => ({ ...trace[Math.floor(random.uniform() * trace.length)]!, atMs: at * 1000 }));
}

/** Near Poisson: the rate drifts by about a fifth within minutes, which makes the busiest minute 1.5 times the mean. */
function conversationTimes(random: SeededRandom, seconds: number): number[] {
  const [mean, deviation, memory] = [5.53, 0.19, 300];
  const rates: number[] = [];
  let drift = random.normal() * deviation;
  for (let second = 0; second <= seconds; second += 1) {
    drift += -drift / memory + random.normal() * deviation * Math.sqrt(2 / memory);
    rates.push(mean * Math.exp(drift - deviation ** 2 / 2));
  }
  return poissonTimes(random, seconds, 2 * mean, (second) => rates[Math.floor(second)]!);
}

/**
 * Bursts and silence. A burst of some twenty seconds has phases of a few seconds, each with its own rate; most of the
 * silences are short, some last for minutes.
 */
function codeTimes(random: SeededRandom, seconds: number): number[] {
  const times: number[] = [];
  let at = 0;
  while (at < seconds) {
    const end = Math.min(seconds, at + 2 + random.exponential(14));
    const level = random.lognormal(1.55, 0.55);
    while (at < end) {
      const phaseEnd = Math.min(end, at + random.exponential(1.5));
      const rate = level * random.lognormal(0, 0.75);
      for (at += random.exponential(1 / rate); at < phaseEnd; at += random.exponential(1 / rate))
        times.push(at);
      at = phaseEnd;
    }
    at += random.lognormal(2.85, 1.2);
  }
  return times;
}

/** Thinning (Lewis and Shedler 1979): candidates at the highest rate, each kept as often as its rate asks. */
function poissonTimes(
  random: SeededRandom,
  seconds: number,
  highest: number,
  rateAt: (second: number) => number,
): number[] {
  const times: number[] = [];
  for (let at = random.exponential(1 / highest); at < seconds; at += random.exponential(1 / highest)) {
    if (random.uniform() * highest < rateAt(at)) times.push(at);
  }
  return times;
}

function withTokens(kind: SyntheticKind, times: readonly number[], random: SeededRandom): TracedRequest[] {
  const { prompt, answer } = TOKENS[kind];
  const first = times[0] ?? 0;
  return times.map((at) => ({
    atMs: Math.round((at - first) * 1000 * 1000) / 1000,
    promptTokens: tokens(random, prompt),
    answerTokens: tokens(random, answer),
  }));
}

function tokens(random: SeededRandom, [mu, sigma, longest]: readonly [number, number, number]): number {
  return Math.min(longest, Math.max(1, Math.round(random.lognormal(mu, sigma))));
}
