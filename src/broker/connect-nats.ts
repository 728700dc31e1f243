import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, errors, type NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { NatsError } from './broker.errors.js';
import { ConnectionWatch } from './connection-watch.js';
import { type NatsAddress, parseNatsAddress } from './nats-address.js';
import { assertSuitable } from './server-requirements.js';
import { ServerWatch } from './server-watch.js';
import { writeOncePerTurn } from './turn-writes.js';

/** The configuration's section `nats`; of the embedded server, what it told when it started. */
export interface NatsSection {
  readonly nats: { readonly url: string; readonly user: string; readonly password: string };
}

export interface ConnectNatsOptions {
  /** How the connection is called in the server's lists. */
  readonly name?: string;
  /** How long to go on trying at the start, in milliseconds. */
  readonly startTimeoutMs?: number;
}

const DEFAULT_NAME = 'llm-message-queue';
const START_TIMEOUT_MS = 30_000;
const TRY_TIMEOUT_MS = 5_000;
const BETWEEN_TRIES_MS = 250;
/** Spread, so that a fleet does not come back to a restarted server all at the same moment. */
const RECONNECT_WAIT_MS = 200;
const RECONNECT_JITTER_MS = 300;
/** A connection to a single server that hangs open is noticed after three of these. */
const PING_INTERVAL_MS = 10_000;

/**
 * The process's connection to NATS. Once connected it comes back by itself for ever; until then it tries for a bounded
 * time, since the address may simply be wrong.
 * @throws {NatsError} `nats_url_invalid`, `nats_unreachable`, `nats_login_refused`, `nats_unsuitable`,
 *   `nats_without_leader`
 */
export async function connectNats(
  { nats }: NatsSection,
  logger: Logger,
  { name = DEFAULT_NAME, startTimeoutMs = START_TIMEOUT_MS }: ConnectNatsOptions = {},
): Promise<NatsConnection> {
  const address = parseNatsAddress(nats);
  const watch = new ServerWatch();
  const connection = await keepTrying(address, { name, startTimeoutMs }, watch, logger);
  try {
    await assertSuitable(connection, startTimeoutMs, logger);
  } catch (error) {
    await connection.close();
    throw error;
  }
  ConnectionWatch.of(connection).logTo(logger);
  watch.begin(connection, logger);
  writeOncePerTurn(connection);
  return connection;
}

async function keepTrying(
  address: NatsAddress,
  { name, startTimeoutMs }: Required<ConnectNatsOptions>,
  watch: ServerWatch,
  logger: Logger,
): Promise<NatsConnection> {
  const deadline = performance.now() + startTimeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await connect(connectionOptions(address, name, watch));
    } catch (error) {
      if (error instanceof errors.AuthorizationError) throw loginRefused(address, error);
      if (performance.now() >= deadline) throw unreachable(address, startTimeoutMs, error);
      if (attempt === 1)
        logger.warn({ servers: address.servers }, `NATS does not answer yet: ${reasonOf(error)}`);
      await sleep(BETWEEN_TRIES_MS);
    }
  }
}

function connectionOptions(address: NatsAddress, name: string, watch: ServerWatch): ConnectionOptions {
  return {
    servers: [...address.servers],
    name,
    timeout: TRY_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    // Credentials can be refused for a moment while a server loads its accounts; giving up then would be for ever.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_JITTER_MS,
    reconnectJitterTLS: RECONNECT_JITTER_MS,
    pingInterval: PING_INTERVAL_MS,
    reconnectToServer: (pool) => watch.choose(pool),
    ...(address.tls ? { tls: {} } : {}),
    ...login(address),
  };
}

function login({ user, password }: NatsAddress): ConnectionOptions {
  if (user !== '') return { user, pass: password };
  return password === '' ? {} : { token: password };
}

function loginRefused({ servers }: NatsAddress, cause: Error): NatsError {
  return new NatsError(
    'nats_login_refused',
    `The NATS server at ${servers.join(', ')} refused the login (${cause.message}). Set nats.user and nats.password (NATS_USER, NATS_PASSWORD); for a token leave the user empty.`,
    { cause },
  );
}

function unreachable({ servers }: NatsAddress, timeoutMs: number, cause: unknown): NatsError {
  return new NatsError(
    'nats_unreachable',
    `NATS can't be reached at ${servers.join(', ')}: ${reasonOf(cause)} (tried for ${Math.round(timeoutMs / 1_000)} s). Check nats.url (NATS_URL) and that the server runs; leave it empty to start the embedded NATS server.`,
    { cause },
  );
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message : cause.message;
}
