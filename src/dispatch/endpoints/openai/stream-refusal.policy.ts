import type { ToldError } from './told-error.policy.js';

/** A word of a request that an endpoint may refuse although it can answer without it. */
export type Refusable = 'stream' | 'stream_options' | 'continue_final_message';

const REFUSAL =
  /unsupported|not (yet )?(support|permit|allow|implement|available|recogni|enabled)|n't support|unknown|unrecogni[sz]ed|unexpected|additional|extra|invalid|forbidden|disabled|must be false|cannot|can't/i;

const NAMES: readonly (readonly [Refusable, RegExp])[] = [
  ['continue_final_message', /continue_final_message|add_generation_prompt/i],
  ['stream_options', /stream_options|include_usage/i],
  ['stream', /\bstream(ing|ed)?\b/i],
];

/** What of the way it was asked an endpoint refuses; null where it refuses something else. */
export function refusedWord({ status, param, message }: ToldError): Refusable | null {
  if (status !== 400 && status !== 422) return null;
  for (const [word, names] of NAMES) if (param !== null && names.test(param)) return word;
  if (!REFUSAL.test(message)) return null;
  return NAMES.find(([, names]) => names.test(message))?.[0] ?? null;
}
