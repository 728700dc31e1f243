import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

/**
 * The JetStream API's error codes that matter here, as the server names them (nats-server, `errors.json`), and what
 * they mean for us. Codes are stable over versions; their texts are not.
 */
const STREAM_NOT_FOUND = 10059;
/** What a probe gets where the id it asks for is unknown. */
export const WRONG_LAST_MESSAGE_ID = 10070;
const STREAM_NAME_IN_USE = 10058;
const CLUSTER_NOT_AVAILABLE = 10008;
const CLUSTER_NOT_LEADER = 10009;
const NO_PEERS_FOR_PLACEMENT = 10005;
const REPLICAS_WITHOUT_CLUSTER = 10074;
const ACCOUNT_RESOURCES_EXCEEDED = 10002;
const INSUFFICIENT_RESOURCES = 10023;
const MEMORY_RESOURCES_EXCEEDED = 10028;
const STORAGE_RESOURCES_EXCEEDED = 10047;
const MESSAGE_EXCEEDS_MAXIMUM = 10054;
const STORE_FAILED = 10077;
const DUPLICATE_IN_PROCESS = 10158;
const BATCH_INCOMPLETE = 10176;
const BATCH_TOO_LARGE = 10199;
const BATCH_CONTAINS_DUPLICATE = 10201;
const TOO_MANY_BATCHES_IN_FLIGHT = 10210;

export function isStreamMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND;
}

export function isNameInUse(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === STREAM_NAME_IN_USE;
}

/** The server, or each one of a cluster that could keep a copy, has less room than a stream asks it to set aside. */
export function isWithoutRoom(error: unknown): boolean {
  return error instanceof JetStreamApiError && (NO_ROOM.has(error.code) || isForWantOfStorage(error));
}

const NO_ROOM = new Set([INSUFFICIENT_RESOURCES, MEMORY_RESOURCES_EXCEEDED, STORAGE_RESOURCES_EXCEEDED]);

/** There are fewer servers than copies were asked for. */
export function isWithoutPeers(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === NO_PEERS_FOR_PLACEMENT || error.code === REPLICAS_WITHOUT_CLUSTER) &&
    !isForWantOfStorage(error)
  );
}

/** Servers that are away and servers that are full have one code; only the words behind it tell them apart. One may come back. */
function isForWantOfStorage({ code, message }: JetStreamApiError): boolean {
  return (
    code === NO_PEERS_FOR_PLACEMENT &&
    message.includes('insufficient storage') &&
    !message.includes('offline')
  );
}

/** Worth asking again: the broker is starting, electing, or the connection is coming back. */
export function isPassing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) {
    return error.code === CLUSTER_NOT_AVAILABLE || error.code === CLUSTER_NOT_LEADER;
  }
  return (
    error instanceof errors.TimeoutError ||
    error instanceof errors.RequestError ||
    error instanceof errors.NoRespondersError
  );
}

/** An earlier try of the same write is on its way: soon the broker knows whether it was stored. */
export function isOnItsWay(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === DUPLICATE_IN_PROCESS;
}

export interface ApiRefusal {
  /** The JetStream error code, 0 where the broker sent none. */
  readonly code: number;
  /** HTTP-like. */
  readonly status: number;
  readonly description: string;
}

/**
 * What a refused write means. In each case nothing of this try was stored.
 * - `duplicate`: an id in it was seen before, so an earlier write was stored.
 * - `again`: the reason passes; send it again later.
 * - `full`: there is no room, for this write and for any other.
 * - `smaller`: something in it is too large; alone, the rest can pass.
 * - `refused`: it will never be taken.
 */
export type RefusalMeaning = 'duplicate' | 'again' | 'full' | 'smaller' | 'refused';

export function meaningOf({ code, status, description }: ApiRefusal): RefusalMeaning {
  switch (code) {
    case BATCH_CONTAINS_DUPLICATE:
      return 'duplicate';
    // Incomplete: its first message was refused (too many batches), part of it was lost with a connection, or the
    // server gave up waiting for the rest.
    case BATCH_INCOMPLETE:
    case TOO_MANY_BATCHES_IN_FLIGHT:
    case DUPLICATE_IN_PROCESS:
      return 'again';
    case ACCOUNT_RESOURCES_EXCEEDED:
    case INSUFFICIENT_RESOURCES:
    case STORAGE_RESOURCES_EXCEEDED:
      return 'full';
    // One code for "maximum bytes exceeded", "maximum messages exceeded" and "store is closed" (a server that stops).
    case STORE_FAILED:
      return description.startsWith('maximum ') ? 'full' : 'again';
    case MESSAGE_EXCEEDS_MAXIMUM:
    case BATCH_TOO_LARGE:
      return 'smaller';
    default:
      return status >= 500 ? 'again' : 'refused';
  }
}
