import { JetStreamApiCodes, JetStreamApiError, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { EVENTS_STREAM, wantedStreams } from '../../src/broker/streams.js';
import { JetStreamLanes } from '../../src/dispatch/lanes/jetstream/jetstream-lanes.js';
import { laneConsumerName } from '../../src/dispatch/lanes/jetstream/lane-consumers.js';
import type { LaneDelivery } from '../../src/dispatch/lanes/lane.port.js';
import {
  type EventContext,
  LANES,
  type Lane,
  messageEvent,
} from '../../src/domain/message/message.events.js';
import { receive } from '../../src/domain/message/receive.decision.js';
import { encodeRecord } from '../../src/log/log-record.js';
import { laneSubject, subjectOf } from '../../src/log/subjects.js';
import { systemSources } from '../../src/platform/clock.js';
import { eventually } from '../support/eventually.js';
import { silentLogger } from '../support/silent-logger.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';

const PREFETCH = 8;
const ACK_WAIT_MS = 1_500;

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

beforeEach(async () => {
  const manager = await jetstreamManager(nats);
  const events = wantedStreams({ replicas: 1, idempotencyTtlMs: 86_400_000 }).find(
    (stream) => stream.name === EVENTS_STREAM,
  )!;
  // `deny_purge` is what keeps operators from it; a test starts from an empty log.
  // One that the broker did not confirm in time may not have happened, and then the log would not be empty.
  await eventually(() => manager.streams.delete(EVENTS_STREAM).catch(passOverMissing));
  await manager.streams.add(events);
});

afterEach(async () => {
  for (const lanes of opened) {
    await lanes.stopTaking();
    await lanes.close();
  }
  opened = [];
});

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
  const config = { queue: { worker: { prefetch: PREFETCH, ack_wait_ms: ackWaitMs } } };
  const lanes = new JetStreamLanes(connection, config, silentLogger);
  opened.push(lanes);
  return lanes;
}

function contextOf(messageId: string, lane: Lane): EventContext {
  const { newId } = systemSources;
  return { messageId, tenant: 'default', lane, newId, now: new Date().toISOString() };
}

/** Puts messages into a lane, and returns their ids in order. */
async function submit(lane: Lane, count = 1): Promise<string[]> {
  const client = jetstream(nats);
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const messageId = systemSources.newId();
    const events = receive(
      contextOf(messageId, lane),
      {
        request: { content: `message ${index}`, model: null, parameters: {} },
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
    const options = { msgID: prioritized.id, timeout: 1_000 };
    // Again after a time-out, under the same id: what is published while the connection is away may be lost.
    await eventually(() => client.publish(subjectOf(prioritized), encodeRecord(events), options));
    ids.push(messageId);
  }
  return ids;
}

async function take(lanes: JetStreamLanes, lane: Lane): Promise<LaneDelivery> {
  return eventually(() => {
    const delivery = lanes.take(lane);
    if (delivery === undefined) throw new Error(`nothing in lane ${lane}`);
    return delivery;
  });
}

async function consumerInfo(lane: Lane) {
  return (await jetstreamManager(nats)).consumers.info(EVENTS_STREAM, laneConsumerName(lane));
}

describe('JetStreamLanes', () => {
  it('makes one durable consumer per lane, twice without harm', async () => {
    await lanesOn(nats).start(() => {});
    await lanesOn(nats).start(() => {});
    const infos = await Promise.all(LANES.map(consumerInfo));
    expect(infos.map(({ config }) => [config.filter_subject, config.ack_policy, config.max_deliver])).toEqual(
      LANES.map((lane) => [laneSubject(lane), 'explicit', -1]),
    );
    expect(infos.map(({ config }) => config.ack_wait)).toEqual(LANES.map(() => ACK_WAIT_MS * 1_000_000));
  });

  it('starts over a consumer with another ack wait, which keeps its place', async () => {
    const ids = await submit('high', 2);
    const before = lanesOn(nats, 60_000);
    await before.start(() => {});
    (await take(before, 'high')).ack();
    await before.stopTaking();
    const lanes = lanesOn(nats);
    await lanes.start(() => {});
    expect((await take(lanes, 'high')).event.subject).toBe(ids[1]);
    expect((await consumerInfo('high')).config.ack_wait).toBe(ACK_WAIT_MS * 1_000_000);
  });

  it('delivers each lane in order, holds no more ready than told, and is done with what is acked', async () => {
    const ids = await submit('high', 50);
    const lanes = lanesOn(nats);
    await lanes.start(() => {});
    await eventually(() => expect(lanes.ready('high')).toBe(PREFETCH));
    const taken: string[] = [];
    for (let index = 0; index < ids.length; index += 1) {
      const delivery = await take(lanes, 'high');
      expect(lanes.ready('high')).toBeLessThanOrEqual(PREFETCH);
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
    await lanes.start(() => {});
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
    await lanes.start(() => {
      told += 1;
    });
    await submit('low');
    await eventually(() => expect(told).toBe(1));
  });

  it('keeps what is held, ready or taken, far longer than the ack wait', async () => {
    await submit('normal', 3);
    const lanes = lanesOn(nats);
    await lanes.start(() => {});
    const first = await take(lanes, 'normal');
    await new Promise((resolve) => setTimeout(resolve, ACK_WAIT_MS * 2.5));
    expect((await consumerInfo('normal')).num_redelivered).toBe(0);
    const second = await take(lanes, 'normal');
    expect([first.delivery, second.delivery]).toEqual([1, 1]);
  });

  it('hands back: at once, and after a delay', async () => {
    const [id] = await submit('normal');
    const lanes = lanesOn(nats);
    await lanes.start(() => {});
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

  it("gives a dead worker's messages to another", async () => {
    const [id] = await submit('high');
    const doomed = await client();
    const dead = lanesOn(doomed);
    await dead.start(() => {});
    await take(dead, 'high');
    await doomed.close();
    const lanes = lanesOn(nats);
    await lanes.start(() => {});
    const again = await take(lanes, 'high');
    expect([again.event.subject, again.delivery]).toEqual([id, 2]);
  });

  it('hands everything that is ready back when it stops, so that another need not wait for the ack deadline', async () => {
    const ids = await submit('high', 20);
    const longAckWait = 60_000;
    const stopping = lanesOn(await client(), longAckWait);
    await stopping.start(() => {});
    const kept = await take(stopping, 'high');
    await eventually(() => expect(stopping.ready('high')).toBeGreaterThan(0));
    await stopping.stopTaking();
    expect(stopping.ready('high')).toBe(0);
    const lanes = lanesOn(nats, longAckWait);
    await lanes.start(() => {});
    const others: string[] = [];
    for (let index = 1; index < ids.length; index += 1)
      others.push((await take(lanes, 'high')).event.subject);
    expect(others.sort()).toEqual(ids.slice(1).sort());
    kept.ack();
  });

  it('takes an undecodable record off the lane and goes on', async () => {
    await jetstream(nats).publish(laneSubject('high').replace('*', '0'), 'not an event');
    const [id] = await submit('high');
    const lanes = lanesOn(nats);
    await lanes.start(() => {});
    expect((await take(lanes, 'high')).event.subject).toBe(id);
    expect(lanes.undecodable).toBe(1);
    await eventually(async () => expect((await consumerInfo('high')).num_ack_pending).toBe(1));
  });

  it('doubts what is older than its start, and nothing newer', async () => {
    await submit('high');
    const lanes = lanesOn(nats);
    await lanes.start(() => {});
    const older = await take(lanes, 'high');
    expect(older.inDoubtUpTo).toBe(older.sequence);
    await submit('high');
    expect((await take(lanes, 'high')).inDoubtUpTo).toBeNull();
  });

  it('goes on when its consumer was deleted, and doubts all that comes again', async () => {
    const lanes = lanesOn(nats);
    await lanes.start(() => {});
    await submit('high');
    const first = await take(lanes, 'high');
    expect(first.inDoubtUpTo).toBeNull();
    first.ack();
    await (await jetstreamManager(nats)).consumers.delete(EVENTS_STREAM, laneConsumerName('high'));
    const again = await take(lanes, 'high');
    expect([again.sequence, again.delivery, again.inDoubtUpTo]).toEqual([first.sequence, 1, first.sequence]);
  });

  it('goes on after the server was killed, holding what it held', async () => {
    const ids = await submit('high', 4);
    const lanes = lanesOn(nats);
    await lanes.start(() => {});
    const held = await take(lanes, 'high');
    await eventually(() => expect(lanes.ready('high')).toBe(3));
    await server.kill();
    await server.restart();
    const more = await submit('high', 4);
    const taken = [held.event.subject];
    for (let index = 1; index < 8; index += 1) {
      const delivery = await take(lanes, 'high');
      taken.push(delivery.event.subject);
      delivery.ack();
    }
    // What was held when the server died is delivered again and recognised, not handed out a second time.
    expect(taken).toEqual([...ids, ...more]);
    await new Promise((resolve) => setTimeout(resolve, ACK_WAIT_MS * 1.5));
    expect(lanes.ready('high')).toBe(0);
    held.ack();
    await eventually(async () => expect((await consumerInfo('high')).num_ack_pending).toBe(0));
  });
});
