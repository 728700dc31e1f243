export type NatsErrorCode =
  | 'nats_url_invalid'
  | 'nats_unreachable'
  | 'nats_login_refused'
  | 'nats_unsuitable';

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
