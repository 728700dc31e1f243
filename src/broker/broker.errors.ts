export type NatsErrorCode =
  | 'nats_url_invalid'
  | 'nats_unreachable'
  | 'nats_login_refused'
  | 'nats_unsuitable'
  | 'nats_without_leader';

/** What keeps the service from using a NATS server. The message is one paragraph for people and names the fix. */
export class NatsError extends Error {
  constructor(
    readonly code: NatsErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'NatsError';
  }
}

/** A stream or bucket of ours exists with settings that this service can't run on, and must not change by itself. */
export class IncompatibleStreamError extends Error {
  readonly code = 'incompatible_stream';
  constructor(stream: string, detail: string) {
    super(
      `The stream ${stream} exists but can't be used: ${detail}. Correct it with the nats command line ("nats stream edit ${stream}"), or remove it if what it holds is not needed; the service makes it anew.`,
    );
  }
}

/** A stream of ours can't be made or read at the start. */
export class StreamSetupError extends Error {
  readonly code = 'stream_setup_failed';
  constructor(stream: string, detail: string, options?: ErrorOptions) {
    super(`The stream ${stream} can't be set up: ${detail}.`, options);
  }
}

/** The broker gave no whole snapshot of a stream, or did not take one back. */
export class SnapshotError extends Error {
  readonly code = 'stream_snapshot_failed';
  constructor(stream: string, detail: string, options?: ErrorOptions) {
    super(`The stream ${stream} can't be copied: ${detail}.`, options);
  }
}
