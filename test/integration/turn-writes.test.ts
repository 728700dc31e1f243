import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { writeNow } from '../../src/broker/turn-writes.js';
import { eventually } from '../support/eventually.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { connectTo } from './event-log.test-log.js';

/** The client's inside, in which its writes to the socket can be counted. */
interface Inside {
  readonly protocol: { readonly transport: { send(frame: Uint8Array): void } };
}

describe('what is published in one turn of the event loop', () => {
  let nats: TestNats;
  let listener: NatsConnection;
  const heard: string[] = [];
  beforeAll(async () => {
    nats = await startTestNats();
    listener = await connectTo(nats);
    listener.subscribe('turn', { callback: (_, message) => void heard.push(message.string()) });
    await listener.flush();
  });
  afterAll(async () => {
    await listener.close();
    await nats.stop();
  });
  beforeEach(() => {
    heard.length = 0;
  });

  /** A connection, and how often it has written what it publishes to its socket since it was made. */
  async function counted(): Promise<{ connection: NatsConnection; writes: () => number }> {
    const connection = await connectTo(nats);
    const { transport } = (connection as unknown as Inside).protocol;
    const send = transport.send.bind(transport);
    let count = 0;
    transport.send = (frame) => {
      // The server asks a new client once whether it is there, and is answered.
      if (Buffer.from(frame).includes('PUB turn')) count += 1;
      send(frame);
    };
    return { connection, writes: () => count };
  }

  it('leaves in one write, in its order', async () => {
    const { connection, writes } = await counted();
    connection.publish('turn', '1');
    await Promise.resolve();
    await Promise.resolve();
    connection.publish('turn', '2');
    process.nextTick(() => connection.publish('turn', '3'));
    await eventually(() => expect(heard).toEqual(['1', '2', '3']));
    expect(writes()).toBe(1);
    await connection.close();
  });

  it('leaves at once where it is asked for, with what was published before it', async () => {
    const { connection, writes } = await counted();
    connection.publish('turn', '1');
    connection.publish('turn', '2');
    writeNow(connection);
    expect(writes()).toBe(1);
    await eventually(() => expect(heard).toEqual(['1', '2']));
    await connection.close();
  });

  it('leaves before the connection closes', async () => {
    const connection = await connectTo(nats);
    connection.publish('turn', 'the last word');
    await connection.close();
    await eventually(() => expect(heard).toEqual(['the last word']));
  });
});
