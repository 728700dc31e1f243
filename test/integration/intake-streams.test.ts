import { afterEach, describe, expect, it } from '@jest/globals';
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { StreamSetupError } from '../../src/broker/broker.errors.js';
import {
  ensureIntakeStreams,
  type IntakeRoom,
  intakeBacklogs,
  intakeStreamOf,
  letPublish,
} from '../../src/broker/intake-streams.js';
import { configSchema } from '../../src/platform/config/config.schema.js';
import { jetstream, jetstreamManager } from '../support/jetstream.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { connectTo } from './event-log.test-log.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const BY_DEFAULT = configSchema.parse({}).nats.intake;
/** The whole that the broker keeps of a message is a little more than its content. */
const MESSAGE = 'm'.repeat(10 * KIB);

let nats: TestNats;
let connection: NatsConnection;
let manager: JetStreamManager;

async function use(): Promise<void> {
  connection = await connectTo(nats);
  manager = await jetstreamManager(connection);
}

async function start(maxStoreBytes?: number): Promise<void> {
  nats = await startTestNats(maxStoreBytes === undefined ? {} : { maxStoreBytes });
  await use();
}

afterEach(async () => {
  await connection.close();
  await nats.stop();
});

const choicesOf = (publishers: readonly (string | null)[], max_bytes = BY_DEFAULT.max_bytes) => ({
  ...{ publishers, replicas: 1 },
  limits: { ...BY_DEFAULT, max_bytes },
});
const bytesOf = (rooms: readonly IntakeRoom[]) => rooms.map(({ maxBytes }) => maxBytes);
const publish = () => jetstream(connection, { timeout: 30_000 }).publish('llmq.intake.auto', MESSAGE);

/** Resolves with how many were stored before one was refused, and how that was told. */
async function fill(): Promise<{ readonly stored: number; readonly refusal: unknown }> {
  for (let stored = 0; ; stored += 1) {
    const refusal = await publish().then(
      () => null,
      (error: unknown) => error,
    );
    if (refusal !== null) return { stored, refusal };
  }
}

describe('the streams of publishers', () => {
  it('hold so many bytes by default, and no message more', async () => {
    await start();
    expect(bytesOf(await ensureIntakeStreams(connection, choicesOf([null, 'billing'])))).toEqual([
      ...[256 * MIB, 256 * MIB],
    ]);
    await ensureIntakeStreams(connection, choicesOf([null, 'billing'], 64 * KIB));
    const { stored, refusal } = await fill();
    expect(refusal).toMatchObject({ code: 10077, message: 'maximum bytes exceeded' });
    expect(stored).toBe(6);
    const { state } = await manager.streams.info('LLMQ_INTAKE');
    expect([state.messages, state.first_seq]).toEqual([stored, 1]);
    const [own, billing] = await intakeBacklogs(connection, [null, 'billing']);
    expect(own).toMatchObject({ waiting: stored, maxMessages: BY_DEFAULT.max_messages, maxBytes: 64 * KIB });
    expect(own!.waitingBytes).toBe(state.bytes);
    expect(billing).toMatchObject({ waiting: 0, waitingBytes: 0, maxBytes: 64 * KIB });

    await manager.streams.deleteMessage('LLMQ_INTAKE', 1);
    await publish();
    await expect(publish()).rejects.toThrow('maximum bytes exceeded');
  });

  it('that an earlier version made without a limit get one, and keep all that they hold', async () => {
    await start();
    const none = { ...choicesOf([null]), limits: { ...BY_DEFAULT, max_bytes: null } };
    expect(bytesOf(await ensureIntakeStreams(connection, none))).toEqual([null]);
    for (let at = 0; at < 20; at += 1) await publish();
    expect(bytesOf(await ensureIntakeStreams(connection, choicesOf([null], 64 * KIB)))).toEqual([64 * KIB]);
    expect((await manager.streams.info('LLMQ_INTAKE')).state.messages).toBe(20);
    await expect(publish()).rejects.toThrow('maximum bytes exceeded');
  });

  it('hold less where the store has not so much to set aside, and each the same', async () => {
    await start(220 * MIB);
    const choices = choicesOf([null, 'billing', 'nightly']);
    expect(bytesOf(await ensureIntakeStreams(connection, choices))).toEqual(Array(3).fill(64 * MIB));
    const told = await intakeBacklogs(connection, choices.publishers);
    expect(told.map(({ maxBytes }) => maxBytes)).toEqual(Array(3).fill(64 * MIB));
    await publish();
    // Closed ones set nothing aside, and somebody else takes the room meanwhile.
    await letPublish(connection, choices, false);
    await manager.streams.add({ name: 'other', subjects: ['other'], max_bytes: 140 * MIB } as StreamConfig);
    await expect(publish()).rejects.toThrow('maximum bytes exceeded');
    await letPublish(connection, choices, true);
    await publish();
    const backlogs = await intakeBacklogs(connection, choices.publishers);
    expect(backlogs.map(({ maxBytes }) => maxBytes)).toEqual(Array(3).fill(16 * MIB));
  });

  it('leave room for streams that are made or changed later', async () => {
    await start(256 * MIB);
    expect(bytesOf(await ensureIntakeStreams(connection, choicesOf([null])))).toEqual([128 * MIB]);
    await connection.close();
    await nats.restart([], 128 * MIB + 1);
    await use();
    expect(bytesOf(await ensureIntakeStreams(connection, choicesOf([null], 127 * MIB)))).toEqual([
      63.5 * MIB,
    ]);
    await manager.streams.add({ name: 'other', subjects: ['other'], max_bytes: 16 * MIB } as StreamConfig);
  });

  it('stay as they are in a store that has become smaller, which can have no more of them', async () => {
    await start();
    const before = await ensureIntakeStreams(connection, choicesOf([null, 'billing']));
    await publish();
    await connection.close();
    await nats.restart([], 300 * MIB);
    await use();
    // Not even to less: the broker counts what all of them set aside.
    const less = choicesOf([null, 'billing'], 128 * MIB);
    expect(await ensureIntakeStreams(connection, less)).toEqual(before);
    expect((await manager.streams.info(intakeStreamOf(null))).state.messages).toBe(1);
    await publish();
    const oneMore = ensureIntakeStreams(connection, choicesOf([null, 'billing', 'nightly']));
    await expect(oneMore).rejects.toBeInstanceOf(StreamSetupError);
  });
});
