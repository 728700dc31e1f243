import { JetStreamApiError, type StreamConfig } from '@nats-io/jetstream';
import { createInbox, Empty, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { SnapshotError } from './broker.errors.js';

/** What the broker tells of a stream beside the bytes of its snapshot, and wants to be told when it takes them back. */
export interface SnapshotHead {
  readonly config: StreamConfig;
  readonly state: Readonly<Record<string, unknown>>;
}

/** Before the first byte the broker reads the whole stream and holds every message against its checksum. */
const CHECK_TIMEOUT_MS = 30 * 60_000;
/** The broker gives up a snapshot that nobody takes for some seconds, and a restore likewise. */
const CHUNK_TIMEOUT_MS = 60_000;
export const SNAPSHOT_CHUNK_BYTES = 128 * 1024;
/** An end without an error. Later ones tell why the broker broke it off. */
const NO_ERROR_BELOW = 300;

/**
 * A stream with its consumers at one moment, in the broker's own format (`$JS.API.STREAM.SNAPSHOT`), while it goes on
 * working. A stream in memory has none.
 *
 * @param take is given the bytes in order; the next ones come when it has resolved
 * @throws {SnapshotError} when the broker refuses, as it does where messages are damaged, or breaks it off
 */
export async function snapshotStream(
  connection: NatsConnection,
  stream: string,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<SnapshotHead> {
  const inbox = createInbox();
  const chunks = connection.subscribe(inbox);
  try {
    const request = { deliver_subject: inbox, chunk_size: SNAPSHOT_CHUNK_BYTES, jsck: true };
    const head = await asked<SnapshotHead>(connection, `SNAPSHOT.${stream}`, request, CHECK_TIMEOUT_MS);
    const silence = setTimeout(() => chunks.unsubscribe(), CHUNK_TIMEOUT_MS);
    let ended = false;
    for await (const message of chunks) {
      silence.refresh();
      ended = message.data.length === 0;
      if (ended) refuseBrokenOff(stream, message);
      if (ended) break;
      await take(message.data);
      message.respond();
    }
    clearTimeout(silence);
    if (!ended) throw new SnapshotError(stream, `nothing came for ${CHUNK_TIMEOUT_MS / 1_000} s`);
    return { config: head.config, state: head.state };
  } finally {
    chunks.unsubscribe();
  }
}

/**
 * Makes a stream, with its consumers, from a snapshot. There must be none of this name.
 *
 * @throws {SnapshotError} when the broker does not take it; then there is no such stream
 */
export async function restoreStream(
  connection: NatsConnection,
  head: SnapshotHead,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { name } = head.config;
  const way = await asked<{ deliver_subject: string }>(
    connection,
    `RESTORE.${name}`,
    { config: head.config, state: head.state },
    CHUNK_TIMEOUT_MS,
  );
  const send = async (bytes: Uint8Array, timeout: number) => {
    const { data } = await connection.request(way.deliver_subject, bytes, { timeout });
    const error =
      data.length === 0 ? undefined : (JSON.parse(new TextDecoder().decode(data)) as Answer).error;
    if (error !== undefined) throw new SnapshotError(name, error.description);
  };
  for await (const bytes of chunks) if (bytes.length > 0) await send(bytes, CHUNK_TIMEOUT_MS);
  // The broker unpacks it now.
  await send(Empty, CHECK_TIMEOUT_MS);
}

interface Answer {
  readonly error?: { readonly description: string; readonly code: number; readonly err_code: number };
}

async function asked<T>(
  connection: NatsConnection,
  subject: string,
  request: object,
  timeout: number,
): Promise<T> {
  const answer = await connection.request(`$JS.API.STREAM.${subject}`, JSON.stringify(request), { timeout });
  const body = answer.json<Answer & T>();
  if (body.error === undefined) return body;
  const cause = new JetStreamApiError(body.error);
  throw new SnapshotError(subject.slice(subject.indexOf('.') + 1), body.error.description, { cause });
}

function refuseBrokenOff(stream: string, { headers }: Msg): void {
  if (headers !== undefined && headers.code >= NO_ERROR_BELOW) {
    throw new SnapshotError(stream, `${headers.code} ${headers.description}`);
  }
}
