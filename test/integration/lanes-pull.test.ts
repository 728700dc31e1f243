import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { ensureConsumer } from '../../src/broker/ensure-consumer.js';
import { capacityLeft, Pull } from '../../src/broker/pull.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { jetstream, jetstreamManager } from '../support/jetstream.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';

const STREAM = 'WORK';

let server: TestNats;
let nats: NatsConnection;
let manager: JetStreamManager;
let stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  server = await startTestNats();
  nats = await connect({ servers: server.url, user: server.user, pass: server.password });
  manager = await jetstreamManager(nats);
  await manager.streams.add({ name: STREAM, subjects: ['work.*'] });
});
afterEach(async () => {
  for (const stop of stops) await stop();
  stops = [];
});
afterAll(async () => {
  await nats?.close();
  await server?.stop();
});

/** The connection, with the first request for messages changed on its way. */
function tampered(change: (subject: string) => string | null): NatsConnection {
  let first = true;
  return new Proxy(nats, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== 'function') return value;
      if (name !== 'publish') return value.bind(target);
      return (subject: string, payload?: string, options?: { reply?: string }) => {
        const isRequest = subject.startsWith('$JS.API.CONSUMER.MSG.NEXT.');
        const changed = isRequest && first ? change(subject) : subject;
        if (isRequest) first = false;
        if (changed !== null) target.publish(changed, payload, options);
      };
    },
  });
}

async function pull(connection: NatsConnection, name: string, capacity = 4) {
  const received: Msg[] = [];
  const taken: Msg[] = [];
  const options = {
    stream: STREAM,
    consumer: ensureConsumer(STREAM, {
      durable_name: name,
      filter_subject: `work.${name}`,
      ack_policy: AckPolicy.Explicit,
    }),
    wanted: (outstanding: number) => capacityLeft(capacity, received.length + outstanding),
    onMessage: (message: Msg) => void received.push(message),
  };
  const opened = new Pull(connection, options, silentLogger);
  await opened.start();
  stops.push(() => opened.stop());
  const take = () => {
    const message = received.shift();
    if (message === undefined) throw new Error('nothing came');
    taken.push(message);
    message.respond('+ACK');
    opened.demand();
    return message.string();
  };
  return { received, take };
}

async function publish(name: string, count: number): Promise<void> {
  const client = jetstream(nats);
  for (let index = 0; index < count; index += 1) await client.publish(`work.${name}`, `${index}`);
}

describe('Pull', () => {
  it('never holds more than its capacity, and misses nothing', async () => {
    await publish('steady', 40);
    const { received, take } = await pull(nats, 'steady');
    const taken: string[] = [];
    while (taken.length < 40) {
      taken.push(await eventually(take));
      expect(received.length).toBeLessThanOrEqual(4);
    }
    expect(taken).toEqual(Array.from({ length: 40 }, (_, index) => `${index}`));
  });

  it('works with a capacity of one', async () => {
    await publish('single', 5);
    const { take } = await pull(nats, 'single', 1);
    for (let index = 0; index < 5; index += 1) expect(await eventually(take)).toBe(`${index}`);
  });

  it('asks again when its request got lost', async () => {
    const { take } = await pull(
      tampered(() => null),
      'deaf',
    );
    await publish('deaf', 1);
    expect(await eventually(take, { withinMs: 60_000 })).toBe('0');
  });

  it('asks again when the server says that it is there, but delivers nothing of what waits', async () => {
    // Heartbeats come, from a consumer that has nothing to deliver: as of a pull that the server no longer serves.
    await manager.consumers.add(STREAM, {
      durable_name: 'empty',
      filter_subject: 'work.empty',
      ack_policy: AckPolicy.Explicit,
    });
    const { take } = await pull(
      tampered((subject) => subject.replace(/\.silent$/, '.empty')),
      'silent',
    );
    await publish('silent', 1);
    expect(await eventually(take, { withinMs: 60_000 })).toBe('0');
  });

  it('asks again at once when the broker tells that the consumer has a new leader', async () => {
    await manager.consumers.add(STREAM, {
      durable_name: 'elsewhere',
      filter_subject: 'work.elsewhere',
      ack_policy: AckPolicy.Explicit,
    });
    let round = 0;
    await inOneOf(5, async () => {
      round += 1;
      const name = `moved-${round}`;
      // Heartbeats come, so that it would find out after ten seconds only.
      const { take } = await pull(
        tampered((subject) => subject.replace(/\.moved-\d+$/, '.elsewhere')),
        name,
      );
      await publish(name, 1);
      await sleep(2_500);
      nats.publish(`$JS.EVENT.ADVISORY.CONSUMER.LEADER_ELECTED.${STREAM}.${name}`, '{}');
      expect(await eventually(take, { withinMs: 6_000 })).toBe('0');
    });
  });

  it('comes back when JetStream has lost the consumer', async () => {
    const { take } = await pull(nats, 'deleted');
    // A request that the server still reads while it deletes is lost without a word; that is the test before.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await manager.consumers.delete(STREAM, 'deleted');
    await publish('deleted', 1);
    expect(await eventually(take)).toBe('0');
  });
});
