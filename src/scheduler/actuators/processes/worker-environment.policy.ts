import { ownLogFile } from '../../../platform/logging/own-log-file.policy.js';

/** Where the scheduler's process works, as far as its workers have to be told. */
export interface SharedPlaces {
  readonly nats: { readonly url: string; readonly user: string; readonly password: string };
  readonly database: { readonly url: string };
  readonly logging: { readonly file: string };
}

/**
 * The environment of a worker process: that of the scheduler's, hence the same configuration, and what must differ.
 * The servers' addresses are told, since those of embedded servers are known to their owner alone.
 *
 * @param place from 1; two processes can't write one log file
 */
export function workerEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  { nats, database, logging }: SharedPlaces,
  place: number,
): Record<string, string | undefined> {
  return {
    ...env,
    LLMQ_ROLES: 'worker',
    // For health and metrics alone, and there may be many of them.
    SERVER_HOST: '127.0.0.1',
    SERVER_PORT: '0',
    NATS_URL: nats.url,
    NATS_USER: nats.user,
    NATS_PASSWORD: nats.password,
    DATABASE_URL: database.url,
    ...(logging.file === '' ? {} : { LOGGING_FILE: ownLogFile(logging.file, `worker-${place}`) }),
  };
}
