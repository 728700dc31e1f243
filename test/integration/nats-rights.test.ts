import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JetStreamManager } from '@nats-io/jetstream';
import { connect, errors, headers, type NatsConnection } from '@nats-io/transport-node';
import { ensureStreams } from '../../src/broker/ensure-streams.js';
import { ensureIntakeStreams } from '../../src/broker/intake-streams.js';
import { eventually } from '../support/eventually.js';
import { jetstream, jetstreamManager } from '../support/jetstream.js';
import { connectAs, testPublisher } from '../support/nats-publisher.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';

const billing = testPublisher('billing', 'acme');
const nightly = testPublisher('nightly', 'other');
const limits = { max_messages: 1_000, max_bytes: null };

let nats: TestNats;
let service: NatsConnection;
let manager: JetStreamManager;
let publisher: NatsConnection;
let other: NatsConnection;

beforeAll(async () => {
  nats = await startTestNats({ publishers: [billing.config, nightly.config] });
  service = await connect({ servers: nats.url, user: nats.user, pass: nats.password });
  await ensureStreams(service, 1);
  await ensureIntakeStreams(service, { publishers: [null, 'billing', 'nightly'], limits, replicas: 1 });
  manager = await jetstreamManager(service);
  publisher = await connectAs(billing, nats.url);
  other = await connectAs(nightly, nats.url);
});
afterAll(async () => {
  for (const connection of [service, publisher, other]) await connection?.close();
  await nats?.stop();
});

async function counts(): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for await (const { config, state } of manager.streams.list()) found[config.name] = state.last_seq;
  return found;
}

/** Subjects of all kinds that are not a publisher's to write. */
const FOREIGN = [
  'llmq.events.normal.received.0',
  'llmq.events.admin.lane-paused.0',
  'llmq.schedules.normal.x',
  'llmq.due.normal',
  'llmq.chunks.x',
  'llmq.done.x',
  'llmq.tries',
  'llmq.alerts.dead-letter',
  'llmq.results.x',
  'llmq.intake.rejected',
  'llmq.intake.other',
  'llmq.publishers.nightly.intake.high',
  'llmq.publishers.billing.intake.high',
  'llmq.publishers.nightly.results.x',
  '$KV.llmq_conversations.x',
  '$KV.llmq_cancellations.x',
  '$KV.llmq_results.told',
  '$O.llmq_parts.C.x',
  '$KV.llmq_batches.x',
  '$O.llmq_files.C.x',
  '$JS.API.INFO',
  '$JS.API.STREAM.LIST',
  '$JS.API.STREAM.PURGE.LLMQ_EVENTS',
  '$JS.API.STREAM.DELETE.LLMQ_EVENTS',
  '$JS.API.STREAM.MSG.GET.LLMQ_EVENTS',
  '$JS.API.DIRECT.GET.LLMQ_EVENTS',
  '$JS.API.CONSUMER.CREATE.LLMQ_EVENTS',
  '$JS.API.CONSUMER.MSG.NEXT.LLMQ_INTAKE_billing.intake_high',
  '$JS.ACK.LLMQ_INTAKE_billing.intake_high.1.1.1.1.1',
  '$JS.FC.x',
  '$SYS.REQ.SERVER.PING',
  '_INBOX.somebody',
  '_R_.x',
  '_GR_.x',
  'anything',
];

const HEARD = [
  'llmq.>',
  'llmq.events.>',
  'llmq.chunks.*',
  'llmq.done.*',
  'llmq.intake.high',
  'llmq.intake.*',
  'llmq.rpc.>',
  'llmq.publishers.>',
  'llmq.publishers.nightly.results.>',
  '$KV.>',
  '$JS.>',
  '$SYS.>',
  '>',
  '*',
];

describe("a publisher's credentials", () => {
  it('write nothing but messages and calls', async () => {
    const before = await counts();
    const heard: string[] = [];
    const listening = service.subscribe('>', { callback: (_error, { subject }) => void heard.push(subject) });
    await service.flush();
    for (const subject of FOREIGN) {
      publisher.publish(subject, '{}', { reply: '_INBOX.reply' });
      // It is told, and goes on.
      await publisher.flush();
    }
    await service.flush();
    await sleep(200);
    listening.unsubscribe();
    expect(heard.filter((subject) => !subject.startsWith('_INBOX'))).toEqual([]);
    expect(await counts()).toEqual(before);
  });

  it.each(HEARD)('do not hear %s', async (subject) => {
    const connection = await connectAs(billing, nats.url);
    const refused = new Promise<Error | null>((resolve) => {
      connection.subscribe(subject, { callback: (error) => resolve(error) });
      setTimeout(() => resolve(null), 30_000).unref();
    });
    expect(await refused).toBeInstanceOf(errors.PermissionViolationError);
    await connection.close();
  });

  it('hear results and rejections of their own, and of nobody else', async () => {
    const heard: string[] = [];
    for (const subject of ['llmq.results.>', 'llmq.intake.rejected']) {
      publisher.subscribe(subject, { callback: (_error, message) => void heard.push(message.subject) });
    }
    await publisher.flush();
    for (const name of ['billing', 'nightly']) {
      service.publish(`llmq.publishers.${name}.results.${name}`, '{}');
      service.publish(`llmq.publishers.${name}.intake.rejected`, '{}');
    }
    service.publish('llmq.results.own', '{}');
    await service.flush();
    await eventually(() => expect(heard.length).toBeGreaterThanOrEqual(2));
    await publisher.flush();
    await sleep(200);
    expect(heard).toEqual(['llmq.results.billing', 'llmq.intake.rejected']);
  });

  it('write to the stream of their own, by which nothing of others is touched', async () => {
    const before = await counts();
    const ack = await jetstream(publisher).publish('llmq.intake.high', '{}', { msgID: 'same' });
    expect(ack).toMatchObject({ stream: 'LLMQ_INTAKE_billing', duplicate: false });
    // Another one's names are not theirs.
    expect(await jetstream(other).publish('llmq.intake.high', '{}', { msgID: 'same' })).toMatchObject({
      ...{ stream: 'LLMQ_INTAKE_nightly', duplicate: false },
    });
    const after = await counts();
    for (const stream of ['LLMQ_INTAKE_billing', 'LLMQ_INTAKE_nightly']) {
      expect(after[stream]).toBe((before[stream] ?? 0) + 1);
      before[stream] = after[stream]!;
    }
    expect(after).toEqual(before);
  });

  it('lead no answer of the broker into the log, whatever reply they ask for', async () => {
    const before = await counts();
    const replies = [
      'llmq.events.normal.received.0',
      'llmq.publishers.nightly.intake.high',
      'llmq.due.normal',
      '$KV.llmq_conversations.x',
      'llmq.intake.high',
    ];
    for (const reply of replies) publisher.publish('llmq.intake.low', '{}', { reply });
    await publisher.flush();
    // The last one leads back into its own intake, once, as a publish of its own would.
    const expected = before['LLMQ_INTAKE_billing']! + replies.length + 1;
    await eventually(async () => expect((await counts())['LLMQ_INTAKE_billing']).toBe(expected));
    await sleep(500);
    const after = await counts();
    expect(after['LLMQ_INTAKE_billing']).toBe(expected);
    expect({ ...after, LLMQ_INTAKE_billing: 0 }).toEqual({ ...before, LLMQ_INTAKE_billing: 0 });
  });

  it('change nothing by what headers ask of the broker', async () => {
    const before = await counts();
    for (const [name, value] of [
      ['Nats-Rollup', 'all'],
      ['Nats-Schedule', '@at 2030-01-01T00:00:00Z'],
      ['Nats-Schedule-Target', 'llmq.events.normal.received.0'],
      ['Nats-Expected-Stream', 'LLMQ_EVENTS'],
      ['Nats-Batch-Id', 'x'],
      ['Nats-TTL', '1s'],
    ] as const) {
      const sent = headers();
      sent.set(name, value);
      if (name === 'Nats-Batch-Id') sent.set('Nats-Batch-Sequence', '1');
      const answer = await publisher
        .request('llmq.intake.low', '{}', {
          headers: sent,
          timeout: name === 'Nats-Schedule-Target' ? 30_000 : 2_000,
        })
        .then((message) => message.json<{ error?: object }>())
        .catch(() => ({ error: {} }));
      expect([name, answer.error === undefined]).toEqual([name, name === 'Nats-Schedule-Target']);
    }
    const after = await counts();
    expect({ ...after, LLMQ_INTAKE_billing: 0 }).toEqual({ ...before, LLMQ_INTAKE_billing: 0 });
  });
});

it('the first publisher moves the streams of a server into the account of the service, whole', async () => {
  const server = await startTestNats();
  const open = () => connect({ servers: server.url, user: server.user, pass: server.password });
  const events = async () => {
    const connection = await open();
    const { created, state } = await (await jetstreamManager(connection)).streams.info('LLMQ_EVENTS');
    await connection.close();
    return [created, state.messages];
  };
  const before = await open();
  await ensureStreams(before, 1);
  await jetstream(before).publish('llmq.events.normal.received.0', '{}');
  await before.close();
  const held = await events();
  await server.restart([billing.config]);
  expect(await events()).toEqual(held);
  // Without publishers they stay there.
  await server.restart([]);
  expect(await events()).toEqual(held);
  await server.stop();
});
