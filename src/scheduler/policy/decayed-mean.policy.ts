/**
 * Sums that fade with their age: what lies `fadeMs` back counts 1/e of what is new. A rate is the quotient of two of them,
 * so it is right from the first reading on and needs no start value.
 */
export interface DecayedSums {
  readonly seconds: number;
  readonly messages: number;
  /** Null: tokens are not known. */
  readonly tokens: number | null;
}

export const NO_SUMS: DecayedSums = { seconds: 0, messages: 0, tokens: 0 };

export function faded(sums: DecayedSums, added: DecayedSums, fadeMs: number): DecayedSums {
  // What is known in tokens from now on, or no longer, says nothing about what was before.
  if ((sums.tokens === null) !== (added.tokens === null)) return added;
  const kept = Math.exp((-added.seconds * 1000) / fadeMs);
  return {
    seconds: sums.seconds * kept + added.seconds,
    messages: sums.messages * kept + added.messages,
    tokens: sums.tokens === null || added.tokens === null ? null : sums.tokens * kept + added.tokens,
  };
}

export function sumOf(sums: DecayedSums, added: DecayedSums): DecayedSums {
  return faded(sums, added, Number.POSITIVE_INFINITY);
}
