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
