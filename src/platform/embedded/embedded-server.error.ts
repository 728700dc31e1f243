export type EmbeddedServerErrorCode =
  | 'data_dir_in_use'
  | 'data_dir_not_usable'
  | 'nats_server_missing'
  | 'nats_start_failed'
  | 'postgres_binaries_missing'
  | 'postgres_user_missing'
  | 'postgres_start_failed';

/** What keeps an embedded server from running. The message is one paragraph for people and names the fix. */
export class EmbeddedServerError extends Error {
  constructor(
    readonly code: EmbeddedServerErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'EmbeddedServerError';
  }
}
