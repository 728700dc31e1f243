/** The settings of a stream that are judged here, named as in the JetStream API. */
export interface StreamSettings {
  readonly subjects?: readonly string[];
  readonly retention?: string;
  readonly storage?: string;
  readonly discard?: string;
  readonly max_msgs_per_subject?: number;
  readonly num_replicas?: number;
  readonly duplicate_window?: number;
  /** Nanoseconds; 0 or absent keeps for ever. */
  readonly max_age?: number;
  readonly allow_atomic?: boolean;
  readonly allow_direct?: boolean;
  readonly allow_msg_schedules?: boolean;
  readonly allow_rollup_hdrs?: boolean;
  readonly deny_purge?: boolean;
  readonly deny_delete?: boolean;
  readonly sealed?: boolean;
  readonly no_ack?: boolean;
  readonly persist_mode?: string;
  readonly mirror?: object;
  readonly sources?: readonly object[];
  readonly subject_transform?: object;
}

/** Differing from ours in one of these, a stream loses or refuses what the service relies on it to keep. */
const MUST_EQUAL = [
  'retention',
  'storage',
  'discard',
  'max_msgs_per_subject',
  'allow_atomic',
  'allow_msg_schedules',
  'allow_rollup_hdrs',
  'deny_delete',
] as const;

const MUST_BE_ABSENT = ['sealed', 'no_ack', 'mirror', 'sources', 'subject_transform'] as const;

/** Why the service can't run on this stream: one phrase each, for people. None means that it can. */
export function incompatibilities(have: StreamSettings, want: StreamSettings): string[] {
  return [
    ...MUST_EQUAL.filter((key) => want[key] !== undefined && (have[key] ?? false) !== want[key]).map(
      (key) => `its ${key} is ${show(have[key] ?? false)} and must be ${show(want[key])}`,
    ),
    ...foreignSubjects(have, want),
    ...MUST_BE_ABSENT.filter((key) => isSet(have[key])).map((key) => `it has ${key} set`),
    // Such a stream acknowledges before it has stored.
    ...(have.persist_mode === 'async' ? ['its persist_mode is "async"'] : []),
  ];
}

function foreignSubjects(have: StreamSettings, want: StreamSettings): string[] {
  const foreign = (have.subjects ?? []).filter((subject) => !want.subjects?.includes(subject));
  return foreign.length === 0 ? [] : [`it also takes the subjects ${foreign.map(show).join(', ')}`];
}

function isSet(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false && value !== null;
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

/**
 * What to change on a compatible stream so that it is as wanted; null where nothing is. It only ever adds: an operator
 * who chose more replicas or a longer window keeps them.
 */
export function improvements(have: StreamSettings, want: StreamSettings): Partial<StreamSettings> | null {
  const changes: Partial<StreamSettings> = {
    ...(want.subjects?.every((subject) => have.subjects?.includes(subject))
      ? {}
      : { subjects: want.subjects }),
    ...(isLess(have.num_replicas, want.num_replicas) ? { num_replicas: want.num_replicas } : {}),
    ...(isLess(have.duplicate_window, want.duplicate_window)
      ? { duplicate_window: want.duplicate_window }
      : {}),
    ...(isShorter(have.max_age, want.max_age) ? { max_age: want.max_age } : {}),
    ...(want.allow_direct && !have.allow_direct ? { allow_direct: true } : {}),
    ...(want.deny_purge && !have.deny_purge ? { deny_purge: true } : {}),
  };
  return Object.keys(changes).length === 0 ? null : changes;
}

function isLess(have: number | undefined, want: number | undefined): boolean {
  return want !== undefined && (have ?? 0) < want;
}

function isShorter(haveAge: number | undefined, wantAge: number | undefined): boolean {
  if (wantAge === undefined || (haveAge ?? 0) === 0) return false;
  return wantAge === 0 || (haveAge ?? 0) < wantAge;
}
