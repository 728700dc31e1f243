import type { Lane } from '../domain/message/lane.policy.js';

/** One thing wrong with a request. `field` is a path as clients write it: `metadata.tags[3]`, `priority`, `limit`. */
export interface FieldProblem {
  readonly field: string;
  readonly reason: string;
}

interface Told<Code extends string> {
  /** What is wrong, in a word that programs may rely on. */
  readonly code: Code;
  /** For people. */
  readonly message: string;
}

type PlainCode =
  // The caller
  | 'unauthorized'
  | 'forbidden'
  | 'foreign_host'
  | 'foreign_origin'
  // The request
  | 'invalid_json'
  | 'not_found'
  | 'already_exists'
  | 'set_by_configuration'
  | 'limit_reached'
  | 'conversation_full'
  | 'turn_open'
  | 'already_terminal'
  | 'not_ended'
  | 'deadline_passed'
  | 'too_many_conversations'
  | 'invalid_idempotency_key'
  | 'idempotency_key_reused'
  // The service, now
  | 'idempotency_in_progress'
  | 'too_many_waiting'
  | 'too_many_of_key'
  | 'too_slow'
  | 'outcome_unknown'
  | 'service_stopping'
  | 'log_overloaded'
  | 'log_full'
  | 'projection_behind'
  | 'projection_unavailable'
  | 'scheduler_unknown'
  | 'internal';

type FieldCode =
  | 'invalid_fields'
  | 'malformed_id'
  | 'invalid_cursor'
  | 'unknown_model'
  | 'unknown_conversation'
  | 'conversation_closed'
  | 'content_too_large'
  | 'wrong_state_change';

/** The lane has as many messages waiting as `queue.levels.<lane>.max_size` allows. Nothing was stored. */
export interface QueueFull extends Told<'queue_full'> {
  readonly lane: Lane;
  readonly limit: number;
  /** Whole seconds after which there is likely to be room. */
  readonly retryAfterSeconds: number;
}

/** The broker did not confirm in time. */
interface LogUnavailable extends Told<'log_unavailable'> {
  /** Whether the events can have been stored all the same. */
  readonly outcome: 'not_stored' | 'unknown';
}

interface EventTooLarge extends Told<'event_too_large'> {
  readonly bytes: number;
  readonly limitBytes: number;
}

/**
 * Every way in which a request is not served, for whatever protocol it came by. Each protocol maps all of them to its
 * own form in one function, which the compiler keeps complete.
 */
export type Refusal =
  | Told<PlainCode>
  | (Told<FieldCode> & {
      readonly problems: readonly FieldProblem[];
      /** How many problems more there are than are told. */
      readonly moreProblems?: number;
    })
  | QueueFull
  | LogUnavailable
  | EventTooLarge;

/**
 * A refusal on its way to the client: thrown, or the result of one message of many. Nothing was stored, unless the
 * refusal says that the outcome is unknown.
 */
export class RefusedError extends Error {
  constructor(
    readonly refusal: Refusal,
    options?: ErrorOptions,
  ) {
    super(refusal.message, options);
  }

  get code(): Refusal['code'] {
    return this.refusal.code;
  }
}

const SOON_S = 1;
const LATER_S = 5;

/** After how many seconds the same request may be served; null where that is not a matter of time. */
export function retryAfterSeconds(refusal: Refusal): number | null {
  switch (refusal.code) {
    case 'queue_full':
      return refusal.retryAfterSeconds;
    case 'log_full':
      return LATER_S;
    case 'idempotency_in_progress':
    case 'too_many_waiting':
    case 'too_many_of_key':
    case 'too_slow':
    case 'outcome_unknown':
    case 'service_stopping':
    case 'log_overloaded':
    case 'log_unavailable':
    case 'projection_behind':
    case 'projection_unavailable':
    case 'scheduler_unknown':
      return SOON_S;
    default:
      return null;
  }
}

/** True where the request is right, and the service or its servers could not carry it out. */
export function isFailure(refusal: Refusal): boolean {
  return (
    retryAfterSeconds(refusal) !== null || refusal.code === 'event_too_large' || refusal.code === 'internal'
  );
}

/** True where the request may have been carried out all the same. */
export function mayBeDone(refusal: Refusal): boolean {
  return refusal.code === 'internal' || (refusal.code === 'log_unavailable' && refusal.outcome === 'unknown');
}

export function refused(code: PlainCode, message: string): RefusedError {
  return new RefusedError({ code, message });
}

/** A refusal for one field that is wrong, by default with the field's name before the reason as its message. */
export function refusedField(
  code: FieldCode,
  field: string,
  reason: string,
  message = `${field} ${reason}`,
): RefusedError {
  return new RefusedError({ code, message, problems: [{ field, reason }] });
}

/** More help nobody, and thousands would be megabytes of an answer. */
const MAX_PROBLEMS = 20;

/** The refusal for fields that break their rules; its message is made of the first one. */
export function invalidFields(found: readonly FieldProblem[]): RefusedError {
  const [first] = found;
  const problems = found.slice(0, MAX_PROBLEMS);
  const moreProblems = found.length - problems.length;
  const message = first ? `${first.field} ${first.reason}` : 'invalid';
  if (moreProblems === 0) return new RefusedError({ code: 'invalid_fields', message, problems });
  const counted = `${message}; ${found.length - 1} more problems`;
  return new RefusedError({ code: 'invalid_fields', message: counted, problems, moreProblems });
}

export function unknownModel(model: string, field = 'model'): RefusedError {
  const message = `The model ${JSON.stringify(model)} is not served here; GET /v1/models lists those that are.`;
  return refusedField('unknown_model', field, 'is not served here', message);
}

/** The first request with this key has no answer yet, or its outcome is not known yet. This request did nothing. */
export function idempotencyInProgress(): RefusedError {
  return refused(
    'idempotency_in_progress',
    'The first request with this Idempotency-Key is not finished; try again shortly.',
  );
}

export const RESULT_ERASED = 'The result of the first request with this Idempotency-Key was erased.';

/** An id that a client gave is one user's: another who uses it by accident would read what is not his. */
export function givenToAnother(givenId: string): RefusedError {
  return refused(
    'already_exists',
    `The id ${givenId} is that of another user's conversation; choose another one.`,
  );
}
