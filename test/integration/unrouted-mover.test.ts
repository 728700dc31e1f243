import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { EVENTS_STREAM } from '../../src/broker/streams.js';
import {
  routeConsumerName,
  unroutedConsumerName,
} from '../../src/dispatch/lanes/jetstream/route-consumers.js';
import { MoverParts, UnroutedMover } from '../../src/dispatch/lanes/jetstream/unrouted-mover.js';
import { cancel } from '../../src/domain/message/cancel.decision.js';
import { LANES, type Lane } from '../../src/domain/message/lane.policy.js';
import type { MessagePrioritized } from '../../src/domain/message/message.events.js';
import { receive } from '../../src/domain/message/receive.decision.js';
import { encodeRecord } from '../../src/log/log-record.js';
import { routeOf, shardOf, unroutedSubject } from '../../src/log/subjects.js';
import { systemSources } from '../../src/platform/clock.js';
import { eventually } from '../support/eventually.js';
import { jetstream, jetstreamManager } from '../support/jetstream.js';
import { silentLogger } from '../support/silent-logger.js';
import { atOnce, Rig, TestEndpoint } from './dispatcher.rig.js';

let rig: Rig;
let manager: JetStreamManager;
const movers: UnroutedMover[] = [];

beforeEach(async () => {
  rig = await Rig.start();
  manager = await jetstreamManager(rig.nats);
});
afterEach(async () => {
  for (const mover of movers.splice(0)) await mover.stop();
  await rig?.stop();
});

/** As an earlier version left its lanes: one consumer for each, whatever the model. */
async function earlierConsumers(lanes: readonly Lane[] = LANES): Promise<void> {
  for (const lane of lanes) {
    await manager.consumers.add(EVENTS_STREAM, {
      durable_name: unroutedConsumerName(lane),
      filter_subject: unroutedSubject(lane),
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
    });
  }
}

/** A message as an earlier version stored it: both events in a record on the subject without a route. */
async function submitEarlier(lane: Lane, content: string, model: string | null): Promise<string> {
  const messageId = systemSources.newId();
  const context = { messageId, tenant: 'default', lane, newId: systemSources.newId };
  const events = receive(
    { ...context, now: new Date().toISOString() },
    {
      ...{ request: { content, model, parameters: {} }, stream: false, user_id: 'user' },
      ...{ conversation_id: null, requested_priority: lane, metadata: {}, timeout_ms: 60_000 },
      ...{ max_retries: 3, deadline: null, source: 'rest' },
    },
    { priority: lane, reason: 'explicit' },
  );
  const subject = `llmq.events.${lane}.prioritized.${shardOf('default')}`;
  await jetstream(rig.nats).publish(subject, encodeRecord(events));
  return messageId;
}

async function startMover(): Promise<UnroutedMover> {
  const parts = new MoverParts(rig.nats, rig.log, rig.folded, rig.folded, systemSources, silentLogger);
  const mover = new UnroutedMover(parts);
  movers.push(mover);
  await mover.start();
  return mover;
}

function moved(): MessagePrioritized[] {
  return rig.folded.events
    .map(({ event }) => event)
    .filter((event): event is MessagePrioritized => event.type === 'llmq.message.prioritized.v1')
    .filter(({ data }) => data.moved_from != null);
}

async function left(lane: Lane): Promise<number> {
  for await (const { name, num_pending, num_ack_pending } of manager.consumers.list(EVENTS_STREAM)) {
    if (name === unroutedConsumerName(lane)) return num_pending + num_ack_pending;
  }
  // A start has found it empty.
  return 0;
}

it('moves what an earlier version left, in its order, to where a worker finds it', async () => {
  await earlierConsumers();
  const ids: string[] = [];
  for (let at = 0; at < 300; at += 1) ids.push(await submitEarlier('normal', `${at}`, at % 2 ? 'm' : null));
  await startMover();
  await eventually(() => expect(moved()).toHaveLength(300));
  expect(moved().map(({ subject }) => subject)).toEqual(ids);
  expect(moved().map(({ data }) => data.model ?? null)).toEqual(ids.map((_, at) => (at % 2 ? 'm' : null)));
  await eventually(async () => expect(await left('normal')).toBe(0));

  const endpoint = new TestEndpoint(atOnce, 'one', ['m'], 1);
  await rig.startWorker({ endpoints: [endpoint] });
  await eventually(() => expect(endpoint.calls).toHaveLength(300));
  await rig.lanesEmpty();
  // Each once. The two routes of a model are read side by side, and each is in order.
  const numbers = endpoint.asked.map(Number);
  expect(new Set(numbers).size).toBe(300);
  for (const rest of [0, 1]) {
    const ofRoute = numbers.filter((number) => number % 2 === rest);
    expect(ofRoute).toEqual([...ofRoute].sort((a, b) => a - b));
  }
  for (const id of ids)
    expect(await rig.folded.state(id)).toMatchObject({ status: 'completed', attempts: 1 });
});

it('moves what a version that still runs puts there later, and leaves what has ended', async () => {
  await earlierConsumers(['low']);
  const over = await submitEarlier('low', 'over', 'm');
  const context = { messageId: over, tenant: 'default', lane: 'low', newId: systemSources.newId } as const;
  const now = new Date().toISOString();
  await rig.log.append([cancel({ ...context, now }, 'pending', { by: 'test', reason: 'no more' })!]);
  const waits = await submitEarlier('low', 'waits', 'm');
  await startMover();
  await eventually(() => expect(moved().map(({ subject }) => subject)).toEqual([waits]));
  const later = await submitEarlier('low', 'later', 'm');
  await eventually(() => expect(moved().map(({ subject }) => subject)).toEqual([waits, later]));
  await eventually(async () => expect(await left('low')).toBe(0));
});

it('removes the consumers of lanes that are empty and that nobody reads, and makes none', async () => {
  await earlierConsumers(['realtime', 'low']);
  await submitEarlier('low', 'waits', 'm');
  await startMover();
  const names: string[] = [];
  for await (const { name } of manager.consumers.list(EVENTS_STREAM)) names.push(name);
  expect(names).toContain(unroutedConsumerName('low'));
  for (const lane of ['realtime', 'high', 'normal'] as const) {
    expect(names).not.toContain(unroutedConsumerName(lane));
  }
  expect(names).not.toContain(routeConsumerName('low', routeOf('m')));
});
