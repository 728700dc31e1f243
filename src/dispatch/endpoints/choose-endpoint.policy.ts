export const CHOICE_STRATEGIES = ['least_busy', 'round_robin'] as const;
export type ChoiceStrategy = (typeof CHOICE_STRATEGIES)[number];

/** An endpoint that serves the wanted model, and its places as this process counts them. */
export interface Candidate {
  readonly taken: number;
  readonly places: number;
}

export interface EndpointChoice {
  /** Index into the candidates. */
  readonly index: number;
  /** Why this one, in words for people who read the log. */
  readonly reason: string;
}

/**
 * Chooses among the endpoints that serve a model, or null when each has all its places taken.
 *
 * - `least_busy`: the lowest share of taken places; equals take turns, so that idle endpoints are used evenly.
 * - `round_robin`: the next in turn that has a free place.
 *
 * @param turn rises by one with each choice for the same candidates
 */
export function chooseEndpoint(
  strategy: ChoiceStrategy,
  candidates: readonly Candidate[],
  turn: number,
): EndpointChoice | null {
  const inTurn = candidates.map((_, offset) => (turn + offset) % candidates.length);
  const free = inTurn.filter((index) => hasPlace(candidates[index]!));
  const first = free[0];
  if (first === undefined) return null;
  if (candidates.length === 1)
    return { index: first, reason: `it is the only endpoint (${taken(candidates[first]!)})` };
  if (free.length === 1)
    return { index: first, reason: `only one of ${candidates.length} with a free place` };
  switch (strategy) {
    case 'round_robin':
      return { index: first, reason: `next in turn of ${candidates.length}` };
    case 'least_busy': {
      const index = free.reduce((best, next) =>
        load(candidates[next]!) < load(candidates[best]!) ? next : best,
      );
      return { index, reason: `least busy of ${candidates.length} (${taken(candidates[index]!)})` };
    }
    default:
      return assertNever(strategy);
  }
}

function hasPlace(candidate: Candidate): boolean {
  return candidate.taken < candidate.places;
}

function load(candidate: Candidate): number {
  return candidate.taken / candidate.places;
}

function taken(candidate: Candidate): string {
  return `${candidate.taken} of ${candidate.places} places taken`;
}

function assertNever(strategy: never): never {
  throw new Error(`No rule for strategy ${JSON.stringify(strategy)}`);
}
