import type { NatsConnection } from '@nats-io/transport-node';

/** What of the client's inside is used here (`@nats-io/nats-core` 3.4, `ProtocolHandler`). */
interface Inside {
  readonly protocol?: { flushPending?: () => void };
}

const flushes = new WeakMap<NatsConnection, () => void>();

/**
 * Makes the client write to its socket once in a turn of the event loop. By itself it writes at the end of each callback
 * that published anything: with many messages under way that is one system call for nearly every event, piece and ack.
 * What is published in a turn leaves at its end, together and in the same order, before anything is waited for.
 *
 * The client has no setting for it. One that is built otherwise is left as it is, and only writes more often.
 */
export function writeOncePerTurn(connection: NatsConnection): void {
  const { protocol } = connection as Inside;
  if (typeof protocol?.flushPending !== 'function') return;
  const flush = protocol.flushPending.bind(protocol);
  flushes.set(connection, flush);
  let scheduled = false;
  protocol.flushPending = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      flush();
    });
  };
  const close = connection.close.bind(connection);
  connection.close = async () => {
    // What was published in this very turn would not leave any more.
    flush();
    await close();
  };
}

/** For what others wait for, such as an append: under load a turn takes milliseconds. */
export function writeNow(connection: NatsConnection): void {
  flushes.get(connection)?.();
}
