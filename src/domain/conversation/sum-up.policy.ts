export interface SumUpLimits {
  /** Turns that no summary covers are left alone up to so many tokens. */
  readonly afterTokens: number;
  /** Of turns in one request for a summary. */
  readonly maxInputTokens: number;
}

/**
 * How many of the oldest turns to sum up next; 0 for none. Then enough of them, so that what stays is at most half of
 * what may stay, and a summary is made once in a while and not with every turn. The newest turn always stays whole.
 *
 * @param tokens of the answered turns that no summary covers, oldest first
 * @param more whether there are turns behind these
 */
export function turnsToSumUp(
  tokens: readonly number[],
  more: boolean,
  { afterTokens, maxInputTokens }: SumUpLimits,
): number {
  let left = more ? Number.POSITIVE_INFINITY : tokens.reduce((sum, each) => sum + each, 0);
  if (left <= afterTokens) return 0;
  const most = more ? tokens.length : tokens.length - 1;
  let taken = 0;
  let input = 0;
  while (taken < most && left > afterTokens / 2) {
    const next = tokens[taken]!;
    // One turn that is too long by itself is cut, or it would be in the way for ever.
    if (taken > 0 && input + next > maxInputTokens) break;
    input += next;
    left -= next;
    taken += 1;
  }
  return taken;
}
