/** A price as it can be written: per million tokens, or per token by the names that LiteLLM has for it. */
export type WrittenPrice =
  | { readonly input: number; readonly output: number; readonly cached?: number | undefined }
  | {
      readonly input_cost_per_token: number;
      readonly output_cost_per_token: number;
      readonly cache_read_input_token_cost?: number | undefined;
    };

const MILLION = 1_000_000;

export function pricePerMillion(price: WrittenPrice): {
  readonly input: number;
  readonly output: number;
  readonly cached: number | null;
} {
  if ('input' in price) return { input: price.input, output: price.output, cached: price.cached ?? null };
  const cached = price.cache_read_input_token_cost;
  return {
    input: ofMillion(price.input_cost_per_token),
    output: ofMillion(price.output_cost_per_token),
    cached: cached === undefined ? null : ofMillion(cached),
  };
}

/** To the six decimals in which costs are counted: 1.5e-7 is 0.15, and not a little more. */
function ofMillion(perToken: number): number {
  return Math.round(perToken * MILLION * MILLION) / MILLION;
}
