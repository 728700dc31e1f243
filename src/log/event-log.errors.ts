import { streamSequenceOf } from './log-position.js';

/** Too many bytes wait to be stored. Nothing of this append was stored; the caller should slow down. */
export class LogOverloadedError extends Error {
  readonly code = 'log_overloaded';
  constructor(waitingBytes: number, limitBytes: number) {
    super(
      `The event log has ${waitingBytes} bytes waiting to be stored, its limit is ${limitBytes}. Try again shortly.`,
    );
  }
}

/** The broker did not confirm in time. `outcome` says whether the events can have been stored all the same. */
export class LogUnavailableError extends Error {
  readonly code = 'log_unavailable';
  constructor(
    readonly outcome: 'not_stored' | 'unknown',
    afterMs: number,
    reason: string,
    /** What of the broker it is about. */
    what = 'The event log',
  ) {
    super(`${what} did not confirm within ${Math.round(afterMs)} ms: ${reason}.`);
  }
}

/** The stream has reached its configured size. Nothing was stored. */
export class LogFullError extends Error {
  readonly code = 'log_full';
  constructor(detail: string) {
    super(`The event log is full: ${detail}.`);
  }
}

/** One event, or two that share a record, are larger than the broker takes in one message. Nothing of this append was stored. */
export class EventTooLargeError extends Error {
  readonly code = 'event_too_large';
  constructor(
    readonly bytes: number,
    readonly limitBytes: number,
  ) {
    super(
      `A record of ${bytes} bytes is larger than the ${limitBytes} bytes that the NATS server takes in one message. Raise max_payload in its configuration, or send less content.`,
    );
  }
}

/** What was handed to `append` can't be one append; a mistake of the caller's. Nothing was stored. */
export class InvalidAppendError extends Error {
  readonly code = 'invalid_append';
}

/** A stored record is not an event that this version understands. */
export class MalformedEventError extends Error {
  readonly code = 'malformed_event';
  constructor(
    detail: string,
    readonly sequence: number | null = null,
  ) {
    super(
      sequence === null
        ? `Malformed event: ${detail}`
        : `Malformed event at sequence ${sequence} (record ${streamSequenceOf(sequence)} of the stream): ${detail}`,
    );
  }
}
