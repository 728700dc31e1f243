/** Does work start, does it end well, and is what we see current? */
export const QUESTIONS = ['flow', 'success', 'freshness'] as const;
export type Question = (typeof QUESTIONS)[number];

/**
 * - `critical`: the question is answered with no, and it gets worse while nobody does anything.
 * - `warning`: something is wrong, and the rest goes on.
 * - `note`: worth knowing. Nothing is wrong because of it.
 */
export const SEVERITIES = ['critical', 'warning', 'note'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The one thing to do next: a call of REST, or a section of the documents. */
export interface NextAction {
  readonly kind: 'call' | 'guide';
  /** What is done with it, as an order. */
  readonly text: string;
  /** `POST /api/v1/...`, or `docs/...#section`. */
  readonly at: string;
}

export type Evidence = Readonly<Record<string, string | number | readonly string[] | null>>;

export interface Finding {
  /** Stable, for programs. */
  readonly code: string;
  readonly question: Question;
  readonly severity: Severity;
  /** What it is about: a lane, an endpoint; null for the whole queue. */
  readonly name: string | null;
  /** One sentence, with names and figures. */
  readonly text: string;
  readonly evidence: Evidence;
  readonly action: NextAction;
}

const GUIDES = {
  endpoints: 'docs/operations.md#endpoints',
  registerEndpoint: 'docs/api.md#endpoints',
  processes: 'docs/operations.md#several-processes',
  laneStands: 'docs/operations.md#when-a-lane-stands-still',
  diskFull: 'docs/operations.md#when-the-disk-is-full',
  ownServers: 'docs/operations.md#your-own-nats-and-postgresql',
  projectionStops: 'docs/operations.md#when-the-projection-stops',
  lostRecords: 'docs/operations.md#when-the-log-has-lost-records',
  actuator: 'docs/scaling.md#who-carries-it-out',
  switchOn: 'docs/scaling.md#switching-it-on',
} as const;

/** Sections of the documents; a test holds them against the headings. */
export const GUIDE_PLACES: readonly string[] = Object.values(GUIDES);

export function guide(section: keyof typeof GUIDES, text: string): NextAction {
  return { kind: 'guide', text, at: GUIDES[section] };
}

export function call(request: `${'GET' | 'POST'} /api/v1/${string}`, text: string): NextAction {
  return { kind: 'call', text, at: request };
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
