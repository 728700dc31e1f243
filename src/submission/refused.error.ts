/** One thing wrong with a request. `field` is a path as clients write it: `metadata.tags[3]`, `priority`, `limit`. */
export interface FieldProblem {
  readonly field: string;
  readonly reason: string;
}

/**
 * A request that is not served, and why. Whoever throws it has stored nothing.
 * The code says what is wrong, in a word that programs may rely on; each protocol's filter maps it to a status.
 */
export class RefusedError extends Error {
  constructor(
    readonly code: RefusalCode,
    message: string,
    readonly problems: readonly FieldProblem[] = [],
  ) {
    super(message);
  }
}

/** Every way to be refused, with the HTTP status that tells it. */
export const REFUSALS = {
  invalid_json: 400,
  malformed_id: 400,
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  foreign_host: 403,
  foreign_origin: 403,
  not_found: 404,
  unknown_conversation: 404,
  method_not_allowed: 405,
  already_exists: 409,
  limit_reached: 409,
  conversation_closed: 409,
  conversation_full: 409,
  turn_open: 409,
  wrong_state_change: 409,
  already_terminal: 409,
  deadline_passed: 409,
  content_too_large: 413,
  body_too_large: 413,
  uri_too_long: 414,
  unsupported_media_type: 415,
  invalid_fields: 422,
  unknown_model: 422,
  too_many_conversations: 429,
  too_many_waiting: 503,
  outcome_unknown: 503,
  service_stopping: 503,
} as const;
export type RefusalCode = keyof typeof REFUSALS;

/** @returns the error for fields that break their rules; its message is made of the first one */
export function invalidFields(problems: readonly FieldProblem[]): RefusedError {
  const [first] = problems;
  return new RefusedError('invalid_fields', first ? `${first.field} ${first.reason}` : 'invalid', problems);
}

export function unknownModel(model: string): RefusedError {
  const message = `The model ${JSON.stringify(model)} is not served here; GET /v1/models lists those that are.`;
  return new RefusedError('unknown_model', message, [{ field: 'model', reason: 'is not served here' }]);
}
