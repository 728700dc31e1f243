/** An endpoint of a model, and what of a request its API has nothing for. */
export interface Speaker {
  readonly endpoint: string;
  /** By their paths in the request; empty where all of it can be said. */
  readonly lacks: readonly string[];
}

/** Endpoints that are not to be asked. */
export interface LeftOut {
  readonly endpoints: ReadonlySet<string>;
  /** Why, in words that go behind why another one was chosen. */
  readonly reason: string;
}

const MOST_NAMED = 3;

/**
 * Who is left out of a choice since its API has no words for the request, while another endpoint's has; null for nobody.
 * Where none has, all stay: the one that is chosen refuses the request by the names of what it lacks.
 *
 * Whether those that have the words can serve now makes no difference. What is refused is refused for good, and they may
 * serve in a moment.
 */
export function leftOut(speakers: readonly Speaker[]): LeftOut | null {
  const speechless = speakers.filter(({ lacks }) => lacks.length > 0);
  if (speechless.length === 0 || speechless.length === speakers.length) return null;
  const endpoints = new Set(speechless.map(({ endpoint }) => endpoint));
  const fields = new Set(speechless.flatMap(({ lacks }) => lacks));
  const are = endpoints.size === 1 ? 'is' : 'are';
  const reason = `${listed(endpoints)} ${are} left out, whose API has nothing for ${listed(fields)}`;
  return { endpoints, reason };
}

function listed(names: ReadonlySet<string>): string {
  const first = [...names].slice(0, MOST_NAMED).join(', ');
  return names.size <= MOST_NAMED ? first : `${first} and ${names.size - MOST_NAMED} more`;
}
