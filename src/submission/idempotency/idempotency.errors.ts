/** The header is not a key. Nothing was done. */
export class InvalidIdempotencyKeyError extends Error {
  readonly code = 'invalid_idempotency_key';
  constructor() {
    super('The header Idempotency-Key must have 1 to 255 printable ASCII characters.');
  }
}

/** The key was used for another request. Nothing was done now. */
export class IdempotencyKeyReusedError extends Error {
  readonly code = 'idempotency_key_reused';
  constructor() {
    super('This Idempotency-Key was used for another request; use a new key for a new request.');
  }
}

/** The first request with this key has no answer yet, or nobody can tell yet what came of it. Nothing was done now. */
export class IdempotencyInProgressError extends Error {
  readonly code = 'idempotency_in_progress';
  constructor() {
    super('The first request with this Idempotency-Key is not finished; try again shortly.');
  }
}
