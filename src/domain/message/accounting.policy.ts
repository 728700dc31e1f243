import type { Accounting, Usage } from './message.events.js';

/** Per million tokens, in the currency in which the prices of the configuration are meant. */
export interface Price {
  readonly input: number;
  readonly output: number;
  /** Of input that the endpoint had read before; null: like other input. */
  readonly cached: number | null;
}

/** What the service counted itself. */
export interface Estimate {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** What it can't count: `image`, `audio`, ... */
  readonly leftOut: readonly string[];
}

export interface AccountedCall {
  /** By the name that clients ask for; the price is its. */
  readonly model: string;
  /** Null where the endpoint told none: then the estimate counts. */
  readonly usage: Usage | null;
  readonly estimate: Estimate | null;
  readonly price: Price | null;
}

/** A price for a million tokens in units of 10^-12 for one token: six decimals of it are exact. */
const PICOS = 1_000_000;
const PICOS_IN_NANO = 1_000n;
const NANO_DIGITS = 9;

/**
 * What an answered call used and cost, at the price of now: it goes into the event, so that a rebuild finds the same and
 * a later price changes nothing. Null where nothing is known of what was used.
 *
 * The cost is a whole number of 10^-9, rounded once for a message, so that costs add up however they are grouped.
 */
export function accountingOf({ model, usage, estimate, price }: AccountedCall): Accounting | null {
  const counted = usage === null ? estimate && estimated(estimate) : reported(usage);
  if (counted === null) return null;
  return {
    model,
    price,
    cost_nanos: price === null ? null : costNanos(counted, price),
    ...counted,
  };
}

type Counted = Omit<Accounting, 'model' | 'price' | 'cost_nanos'>;

function estimated({ inputTokens, outputTokens, leftOut }: Estimate): Counted {
  return {
    estimated: true,
    ...(leftOut.length === 0 ? {} : { left_out: [...leftOut] }),
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    cached_tokens: null,
    reasoning_tokens: null,
  };
}

function reported(usage: Usage): Counted {
  const cached = detail(usage['prompt_tokens_details'], 'cached_tokens');
  return {
    estimated: false,
    input_tokens: usage.prompt_tokens,
    output_tokens: usage.completion_tokens,
    // More than were sent can't have been read before.
    cached_tokens: cached === null ? null : Math.min(cached, usage.prompt_tokens),
    reasoning_tokens: detail(usage['completion_tokens_details'], 'reasoning_tokens'),
  };
}

function detail(details: unknown, name: string): number | null {
  if (typeof details !== 'object' || details === null) return null;
  const value = (details as Record<string, unknown>)[name];
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}

/** Reasoning is output that was paid for as such. */
function costNanos({ input_tokens, cached_tokens, output_tokens }: Counted, price: Price): number {
  const cached = cached_tokens ?? 0;
  const picos =
    times(input_tokens - cached, price.input) +
    times(cached, price.cached ?? price.input) +
    times(output_tokens, price.output);
  const nanos = (picos + PICOS_IN_NANO / 2n) / PICOS_IN_NANO;
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(nanos > most ? most : nanos);
}

function times(tokens: number, perMillion: number): bigint {
  return BigInt(tokens) * BigInt(Math.round(perMillion * PICOS));
}

/** Nanos as a decimal number, exactly: `0.00012345`. */
export function costText(nanos: number | bigint | string): string {
  const digits = BigInt(nanos)
    .toString()
    .padStart(NANO_DIGITS + 1, '0');
  const fraction = digits.slice(-NANO_DIGITS).replace(/0+$/, '');
  const whole = digits.slice(0, -NANO_DIGITS);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
