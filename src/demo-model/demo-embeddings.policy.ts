import { demoTokens } from './demo-answer.policy.js';

const DIMENSIONS = 8;

export interface DemoEmbedded {
  readonly data: readonly {
    readonly object: 'embedding';
    readonly index: number;
    readonly embedding: number[];
  }[];
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
}

/** One vector of length 1 for each text or list of tokens: the same for the same, and different for different ones. */
export function demoEmbeddings(
  input: string | readonly string[] | readonly number[] | readonly (readonly number[])[],
  dimensions = DIMENSIONS,
): DemoEmbedded {
  const items = itemsOf(input);
  const data = items.map((item, index) => {
    const text = typeof item === 'string' ? item : item.join();
    return { object: 'embedding' as const, index, embedding: vectorOf(text, dimensions) };
  });
  const count = (item: string | readonly number[]) =>
    typeof item === 'string' ? demoTokens(item).length : item.length;
  const tokens = items.reduce((sum, item) => sum + count(item), 0);
  return { data, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

function itemsOf(input: Parameters<typeof demoEmbeddings>[0]): readonly (string | readonly number[])[] {
  if (typeof input === 'string') return [input];
  return typeof input[0] === 'number' ? [input as number[]] : (input as readonly string[]);
}

/** Numbers from a linear congruential generator (Numerical Recipes) that begins with the text. */
function vectorOf(text: string, dimensions: number): number[] {
  let state = 1;
  for (let at = 0; at < text.length; at += 1) state = (Math.imul(state, 31) + text.charCodeAt(at)) >>> 0;
  const numbers = Array.from({ length: dimensions }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  const length = Math.hypot(...numbers) || 1;
  return numbers.map((number) => Math.fround(number / length));
}
