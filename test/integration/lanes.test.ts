import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { EVENTS_STREAM, wantedStreams } from '../../src/broker/streams.js';
import { JetStreamLanes } from '../../src/dispatch/lanes/jetstream/jetstream-lanes.js';
import { routeConsumerName } from '../../src/dispatch/lanes/jetstream/route-consumers.js';
import type { LaneDelivery, ModelQueue } from '../../src/dispatch/lanes/lane.port.js';
import { LANES, type Lane } from '../../src/domain/message/lane.policy.js';
import { type EventContext, messageEvent } from '../../src/domain/message/message.events.js';
import { receive } from '../../src/domain/message/receive.decision.js';
import { encodeRecord } from '../../src/log/log-record.js';
import { DEFAULT_ROUTE, routeOf, routeSubject, subjectOf } from '../../src/log/subjects.js';
import { systemSources } from '../../src/platform/clock.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { jetstream, jetstreamManager } from '../support/jetstream.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';

const WANTED = 8;
const SERVED = { models: ['m', 'n'], defaultModel: 'm' };
/** Longer than a busy machine holds this process up: what is held is delivered again only where a test is about that. */
const ACK_WAIT_MS = 60_000;
const SHORT_ACK_WAIT_MS = 3_000;

let server: TestNats;
let nats: NatsConnection;
let opened: JetStreamLanes[] = [];
let clients: NatsConnection[] = [];

beforeAll(async () => {
  server = await startTestNats();
  nats = await client();
});

afterAll(async () => {
  for (const connection of clients) await connection.close();
  await server?.stop();
});

beforeEach(emptyLog);

async function emptyLog(): Promise<void> {
  const manager = await jetstreamManager(nats);
  const events = wantedStreams({ replicas: 1, idempotencyTtlMs: 86_400_000 }).find(
    (stream) => stream.name === EVENTS_STREAM,
  )!;
  // `deny_purge` is what keeps operators from it; a test starts from an empty log.
  // One that the broker did not confirm in time may not have happened, and then the log would not be empty.
  await eventually(() => manager.streams.delete(EVENTS_STREAM).catch(passOverMissing));
  await manager.streams.add(events);
}

afterEach(closeLanes);

async function closeLanes(): Promise<void> {
  for (const lanes of opened) {
    await lanes.stopTaking();
    await lanes.close();
  }
  opened = [];
}

async function startAfresh(): Promise<void> {
  await closeLanes();
  await emptyLog();
}

function passOverMissing(error: Error): void {
  const missing = error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
  if (!missing) throw error;
}

async function client(): Promise<NatsConnection> {
  const connection = await connect({
    servers: server.url,
    user: server.user,
    pass: server.password,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  clients = [...clients, connection];
  return connection;
}

function lanesOn(connection: NatsConnection, ackWaitMs = ACK_WAIT_MS): JetStreamLanes {
  const config = { queue: { worker: { ack_wait_ms: ackWaitMs } } };
  const lanes = new JetStreamLanes(connection, config, silentLogger);
  opened.push(lanes);
  return lanes;
}

function contextOf(messageId: string, lane: Lane): EventContext {
  const { newId } = systemSources;
  return { messageId, tenant: 'default', lane, newId, now: new Date().toISOString() };
}

/** Puts messages into a lane, and returns their ids in order. */
async function submit(lane: Lane, count = 1, model: string | null = null): Promise<string[]> {
  const client = jetstream(nats);
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const messageId = systemSources.newId();
    const events = receive(
      contextOf(messageId, lane),
      {
        request: { content: `message ${index}`, model, parameters: {} },
        stream: false,
        user_id: 'user',
        conversation_id: null,
        requested_priority: lane,
        metadata: {},
        timeout_ms: 1_000,
        max_retries: 0,
        deadline: null,
        source: 'rest',
      },
      { priority: lane, reason: 'explicit' },
    );
    const [, prioritized] = events;
    const options = { msgID: prioritized.id, timeout: 10_000 };
    // Again after a time-out, under the same id: what is published while the connection is away may be lost.
    await eventually(() => client.publish(subjectOf(prioritized), encodeRecord(events), options));
    ids.push(messageId);
  }
  return ids;
}

const nothing = () => {};

function queueOf(lanes: JetStreamLanes, model = 'm'): ModelQueue {
  return lanes.queues.find((queue) => queue.model === model)!;
}

/** As a worker with a free place. */
async function take(lanes: JetStreamLanes, lane: Lane, model = 'm'): Promise<LaneDelivery> {
  return eventually(() => {
    const queue = queueOf(lanes, model);
    queue.want(lane, 1);
    const delivery = queue.take(lane);
    if (delivery === undefined) throw new Error(`nothing in lane ${lane}`);
    return delivery;
  });
}

async function consumerInfo(lane: Lane, route = DEFAULT_ROUTE) {
  return (await jetstreamManager(nats)).consumers.info(EVENTS_STREAM, routeConsumerName(lane, route));
}

describe('JetStreamLanes', () => {
  it('makes one durable consumer for each lane and route, twice without harm', async () => {
    await lanesOn(nats).start(SERVED, nothing);
    await lanesOn(nats).start(SERVED, nothing);
    for (const route of [DEFAULT_ROUTE, routeOf('m'), routeOf('n')]) {
      const infos = await Promise.all(LANES.map((lane) => consumerInfo(lane, route)));
      expect(
        infos.map(({ config }) => [config.filter_subject, config.ack_policy, config.max_deliver]),
      ).toEqual(LANES.map((lane) => [routeSubject(lane, route), 'explicit', -1]));
      expect(infos.map(({ config }) => config.ack_wait)).toEqual(LANES.map(() => ACK_WAIT_MS * 1_000_000));
    }
  });

  it('starts over a consumer with another ack wait, which keeps its place', async () => {
    const ids = await submit('high', 2);
    const before = lanesOn(nats, 2 * ACK_WAIT_MS);
    await before.start(SERVED, nothing);
    (await take(before, 'high')).ack();
    await before.stopTaking();
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    expect((await take(lanes, 'high')).event.subject).toBe(ids[1]);
    expect((await consumerInfo('high')).config.ack_wait).toBe(ACK_WAIT_MS * 1_000_000);
  });

  it('delivers each lane in order, holds no more ready than told, and is done with what is acked', async () => {
    const ids = await submit('high', 50);
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    const queue = queueOf(lanes);
    queue.want('high', WANTED);
    await eventually(() => expect(queue.view('high').ready).toBe(WANTED));
    expect(queue.view('high').supposed).toBe(true);
    const taken: string[] = [];
    for (let index = 0; index < ids.length; index += 1) {
      queue.want('high', WANTED);
      const delivery = await take(lanes, 'high');
      expect(queue.view('high').ready).toBeLessThanOrEqual(WANTED);
      expect(delivery).toMatchObject({ lane: 'high', delivery: 1 });
      expect([delivery.sequence, delivery.request?.content]).toEqual([2 * index + 3, `message ${index}`]);
      taken.push(delivery.event.subject);
      delivery.ack();
    }
    expect(taken).toEqual(ids);
    await eventually(async () => {
      const { num_ack_pending, num_pending } = await consumerInfo('high');
      expect([num_ack_pending, num_pending]).toEqual([0, 0]);
    });
  });

  it('delivers without a request what lies alone in its record, or beside another event of the message', async () => {
    const ids = await submit('high', 2);
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    const [first, second] = [await take(lanes, 'high'), await take(lanes, 'high')];
    const expired = messageEvent(contextOf(ids[0]!, 'high'), 'llmq.message.expired.v1', { reason: 'none' });
    const subject = subjectOf(first.event);
    await jetstream(nats).publish(subject, encodeRecord([expired, first.event]));
    await jetstream(nats).publish(subject, encodeRecord([second.event]));
    for (const id of ids) {
      const again = await take(lanes, 'high');
      expect([again.event.subject, again.request]).toEqual([id, null]);
    }
  });

  it('tells when messages have come', async () => {
    let told = 0;
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, () => {
      told += 1;
    });
    // Nothing is there yet: what comes is asked for next.
    queueOf(lanes).want('low', 1);
    await eventually(() => expect(told).toBeGreaterThan(0));
    told = 0;
    queueOf(lanes).want('low', 1);
    await submit('low');
    await eventually(() => expect(told).toBeGreaterThan(0));
  });

  it('keeps what is held, ready or taken, far longer than the ack wait', async () => {
    // Who is held up for longer than the ack wait is taken for dead.
    await inOneOf(
      5,
      async () => {
        await submit('normal', 3);
        const lanes = lanesOn(nats, SHORT_ACK_WAIT_MS);
        await lanes.start(SERVED, nothing);
        queueOf(lanes).want('normal', 3);
        const first = await take(lanes, 'normal');
        await new Promise((resolve) => setTimeout(resolve, SHORT_ACK_WAIT_MS * 2.5));
        expect((await consumerInfo('normal')).num_redelivered).toBe(0);
        const second = await take(lanes, 'normal');
        expect([first.delivery, second.delivery]).toEqual([1, 1]);
      },
      startAfresh,
    );
  });

  it('hands back: at once, and after a delay', async () => {
    const [id] = await submit('normal');
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    (await take(lanes, 'normal')).handBack();
    const second = await take(lanes, 'normal');
    expect([second.event.subject, second.delivery]).toEqual([id, 2]);
    const before = performance.now();
    second.handBack(700);
    const third = await take(lanes, 'normal');
    expect(third.delivery).toBe(3);
    expect(performance.now() - before).toBeGreaterThanOrEqual(650);
    third.ack();
  });

  it('tells what it holds, and neither hands back nor extends what has gone to another worker', async () => {
    const ids = await submit('normal', 2);
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    const [lost, kept] = [await take(lanes, 'normal'), await take(lanes, 'normal')];
    expect(lanes.repliesHeld(60_000)).toEqual([]);
    const replies = lanes.repliesHeld(0);
    expect(replies).toHaveLength(2);
    lanes.lose(new Set(replies.slice(0, 1)));
    expect([lost.isLost, kept.isLost]).toEqual([true, false]);
    // In the place of this worker, which is held for dead.
    nats.publish(replies[0]!, '-NAK');
    lost.handBack(60_000);
    kept.ack();
    expect(lanes.repliesHeld(0)).toEqual([]);
    const again = await take(lanes, 'normal');
    expect([again.event.subject, again.delivery, again.isLost]).toEqual([ids[0], 2, false]);
    again.ack();
  });

  it("gives a dead worker's messages to another", async () => {
    const [id] = await submit('high');
    const doomed = await client();
    const dead = lanesOn(doomed, SHORT_ACK_WAIT_MS);
    await dead.start(SERVED, nothing);
    await take(dead, 'high');
    await doomed.close();
    const lanes = lanesOn(nats, SHORT_ACK_WAIT_MS);
    await lanes.start(SERVED, nothing);
    const again = await take(lanes, 'high');
    expect(again.event.subject).toBe(id);
    // More often where this one is held up, too.
    expect(again.delivery).toBeGreaterThanOrEqual(2);
  });

  it('hands everything that is ready back when it stops, so that another need not wait for the ack deadline', async () => {
    const ids = await submit('high', 20);
    const longAckWait = 300_000;
    const stopping = lanesOn(await client(), longAckWait);
    await stopping.start(SERVED, nothing);
    queueOf(stopping).want('high', WANTED);
    const kept = await take(stopping, 'high');
    await eventually(() => expect(queueOf(stopping).view('high').ready).toBeGreaterThan(0));
    await stopping.stopTaking();
    expect(queueOf(stopping).view('high').ready).toBe(0);
    const lanes = lanesOn(nats, longAckWait);
    await lanes.start(SERVED, nothing);
    const others: string[] = [];
    for (let index = 1; index < ids.length; index += 1)
      others.push((await take(lanes, 'high')).event.subject);
    expect(others.sort()).toEqual(ids.slice(1).sort());
    kept.ack();
  });

  it('takes an undecodable record off the lane and goes on', async () => {
    await jetstream(nats).publish(routeSubject('high', DEFAULT_ROUTE).replace('*', '0'), 'not an event');
    const [id] = await submit('high');
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    expect((await take(lanes, 'high')).event.subject).toBe(id);
    expect(lanes.undecodable).toBe(1);
    await eventually(async () => expect((await consumerInfo('high')).num_ack_pending).toBe(1));
  });

  it('doubts what is older than its start, and nothing newer', async () => {
    await submit('high');
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    const older = await take(lanes, 'high');
    expect(older.inDoubtUpTo).toBe(older.sequence);
    await submit('high');
    expect((await take(lanes, 'high')).inDoubtUpTo).toBeNull();
  });

  it('goes on when its consumer was deleted, and doubts all that comes again', async () => {
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    await submit('high');
    const first = await take(lanes, 'high');
    expect(first.inDoubtUpTo).toBeNull();
    first.ack();
    await (await jetstreamManager(nats)).consumers.delete(
      EVENTS_STREAM,
      routeConsumerName('high', DEFAULT_ROUTE),
    );
    const again = await take(lanes, 'high');
    expect([again.sequence, again.delivery, again.inDoubtUpTo]).toEqual([first.sequence, 1, first.sequence]);
  });

  it('goes on after the server was killed, holding what it held', async () => {
    // As above.
    await inOneOf(
      5,
      async () => {
        const ids = await submit('high', 4);
        const lanes = lanesOn(nats, SHORT_ACK_WAIT_MS);
        await lanes.start(SERVED, nothing);
        const held = await take(lanes, 'high');
        queueOf(lanes).want('high', 3);
        await eventually(() => expect(queueOf(lanes).view('high').ready).toBe(3));
        await server.kill();
        await server.restart();
        const more = await submit('high', 4);
        const taken = new Set([held.event.subject]);
        while (taken.size < 8) {
          const delivery = await take(lanes, 'high');
          // What was held when the server died is recognised. What was acked in the meantime may come again, as doubtful.
          if (taken.has(delivery.event.subject)) expect(delivery.inDoubtUpTo).not.toBeNull();
          expect(delivery.event.subject).not.toBe(held.event.subject);
          taken.add(delivery.event.subject);
          delivery.ack();
        }
        expect([...taken]).toEqual([...ids, ...more]);
        await new Promise((resolve) => setTimeout(resolve, SHORT_ACK_WAIT_MS * 1.5));
        expect(queueOf(lanes).view('high').ready).toBe(0);
        held.ack();
        await eventually(async () => expect((await consumerInfo('high')).num_ack_pending).toBe(0));
      },
      startAfresh,
    );
  });

  it('has each model a queue of its own, with what wants the default model in that one', async () => {
    const [own, other, byDefault] = [
      ...(await submit('high', 1, 'm')),
      ...(await submit('high', 1, 'n')),
      ...(await submit('high', 1)),
    ];
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    expect((await take(lanes, 'high', 'n')).event.subject).toBe(other);
    // In the order of acceptance, whichever of its two routes they came by.
    queueOf(lanes).want('high', 2);
    await eventually(() => expect(queueOf(lanes).view('high').ready).toBe(2));
    expect((await take(lanes, 'high')).event.subject).toBe(own);
    expect((await take(lanes, 'high')).event.subject).toBe(byDefault);
  });

  it('follows what is served: what waits for a model that is gone stays, and is there when it is back', async () => {
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    const [id] = await submit('low', 1, 'n');
    lanes.serve({ models: ['m'], defaultModel: 'm' });
    expect(lanes.queues.map(({ model }) => model)).toEqual(['m']);
    lanes.serve({ models: ['m', 'n', 'o'], defaultModel: 'o' });
    expect((await take(lanes, 'low', 'n')).event.subject).toBe(id);
    const [byDefault] = await submit('low');
    expect((await take(lanes, 'low', 'o')).event.subject).toBe(byDefault);
  });

  it('puts back nothing while more of the lane is on its way, which would go before it', async () => {
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    await submit('normal', 2);
    const queue = queueOf(lanes);
    await eventually(() => {
      queue.want('normal', 1);
      expect(queue.view('normal').ready).toBe(1);
    });
    queue.want('normal', 2);
    expect(queue.putBackAfter(0)).toBeGreaterThan(0);
    await eventually(() => expect(queue.view('normal').ready).toBe(2));
    expect([queue.putBackAfter(0), queue.view('normal').ready]).toEqual([null, 0]);
  });

  it('puts back in order what was ready for too long, and knows it again as untouched', async () => {
    const lanes = lanesOn(nats);
    await lanes.start(SERVED, nothing);
    const ids = await submit('normal', 3);
    const queue = queueOf(lanes);
    for (let round = 0; round < 3; round += 1) {
      await eventually(() => {
        queue.want('normal', 3);
        expect(queue.view('normal').ready).toBe(3);
      });
      expect(queue.putBackAfter(600_000)).toBeGreaterThan(500_000);
      expect([queue.putBackAfter(0), queue.view('normal').ready]).toEqual([null, 0]);
    }
    const first = await take(lanes, 'normal');
    expect([first.event.subject, first.delivery, first.inDoubtUpTo]).toEqual([ids[0], 1, null]);
    // Who did something with it, and gives it back, may have left something behind.
    first.handBack();
    const again = await take(lanes, 'normal');
    expect([again.event.subject, again.delivery]).toEqual([ids[1], 1]);
    const later = [await take(lanes, 'normal'), await take(lanes, 'normal')];
    expect(later.map(({ event, delivery }) => [event.subject, delivery])).toEqual([
      [ids[2], 1],
      [ids[0], 5],
    ]);
  });
});
