import type { TracedRequest } from './trace.js';

/**
 * How fast a slot is: it reads the prompt at one rate and writes the answer at another. The rates don't depend on how many
 * slots are busy, so what a batch gains or costs is not in the model.
 */
export interface ModelSpeed {
  readonly prefillPerSecond: number;
  readonly decodePerSecond: number;
}

export const MODEL_SPEED: ModelSpeed = { prefillPerSecond: 4_000, decodePerSecond: 40 };

export function serviceMs({ promptTokens, answerTokens }: TracedRequest, speed: ModelSpeed): number {
  return (promptTokens / speed.prefillPerSecond + answerTokens / speed.decodePerSecond) * 1000;
}

/** Slots that the trace keeps busy on average. */
export function meanLoad(trace: readonly TracedRequest[], speed: ModelSpeed): number {
  const lastMs = trace.at(-1)!.atMs;
  return trace.reduce((sum, request) => sum + serviceMs(request, speed), 0) / lastMs;
}

/**
 * What a token of an answer counts beside one of a prompt, in what the policy is told. It is rough on purpose: the rate of the
 * slots is measured in the same unit, so a wrong weight only blurs the work of single messages.
 */
export const ANSWER_WEIGHT = 20;
