import { connect, type NatsConnection } from '@nats-io/transport-node';
import { SharedTurns, type Turn } from '../../src/dispatch/workers/nats/shared-turns.js';
import { systemSources } from '../../src/platform/clock.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';

let server: TestNats;
let running: { nats: NatsConnection; turns: SharedTurns }[] = [];

beforeAll(async () => {
  server = await startTestNats();
});
afterEach(stopAll);
afterAll(() => server?.stop());

async function stopAll(): Promise<void> {
  for (const { nats, turns } of running) {
    turns.stop();
    await nats.close();
  }
  running = [];
}

async function client(): Promise<NatsConnection> {
  return connect({ servers: server.url, user: server.user, pass: server.password });
}

async function workerOf() {
  const nats = await client();
  const turns = new SharedTurns(nats, systemSources);
  const heard: Turn[] = [];
  turns.start((turn) => heard.push(turn));
  running.push({ nats, turns });
  await nats.flush();
  return { nats, turns, heard };
}

/** All that is said on a connection of its own. */
async function listening() {
  const nats = await client();
  const said: { turns: Turn[] }[] = [];
  nats.subscribe('llmq.workers.turns', {
    callback: (_, message) => {
      said.push(message.json<{ turns: Turn[] }>());
    },
  });
  await nats.flush();
  return { said, close: () => nats.close() };
}

function turn(model: string): Turn {
  return { model, lane: 'low', waiting: ['realtime', 'low'] };
}

it('tells every other worker of each turn, in their order, and itself of none', async () => {
  const [one, two, three] = [await workerOf(), await workerOf(), await workerOf()];
  await eventually(() => {
    for (const { turns } of [one, two, three]) expect(turns.isAlone).toBe(false);
  });
  const told = Array.from({ length: 100 }, (_, at) => turn(`m${at}`));
  for (const each of told) one.turns.began(each);
  await eventually(() => expect([two.heard, three.heard]).toEqual([told, told]));
  expect(one.heard).toEqual([]);
});

it('tells turns that follow each other fast in few messages', async () => {
  const [one, two] = [await workerOf(), await workerOf()];
  const listener = await listening();
  await eventually(() => expect(one.turns.isAlone || two.turns.isAlone).toBe(false));
  for (let at = 0; at < 100; at += 1) one.turns.began(turn('m'));
  await eventually(() => {
    expect(two.heard).toHaveLength(100);
    expect(listener.said.flatMap(({ turns }) => turns)).toHaveLength(100);
  });
  expect(listener.said.filter(({ turns }) => turns.length > 0).length).toBeLessThanOrEqual(3);
  await listener.close();
});

it('knows at once that another has come, and in time that it has gone', async () => {
  const came = await inOneOf(
    3,
    async () => {
      const one = await workerOf();
      expect(one.turns.isAlone).toBe(true);
      const two = await workerOf();
      // Before they say by themselves that they are still here.
      await eventually(() => expect([one.turns.isAlone, two.turns.isAlone]).toEqual([false, false]), {
        withinMs: 1_500,
      });
      return [one, two] as const;
    },
    stopAll,
  );
  const [one, two] = came;
  // As if it were killed: nobody says goodbye.
  await two.nats.close();
  two.turns.stop();
  await eventually(() => expect(one.turns.isAlone).toBe(true));
});

it('says nothing of its turns while it is alone', async () => {
  const one = await workerOf();
  const listener = await listening();
  one.turns.began(turn('m'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const two = await workerOf();
  await eventually(() => expect(one.turns.isAlone).toBe(false));
  one.turns.began(turn('n'));
  await eventually(() => expect(two.heard).toEqual([turn('n')]));
  await eventually(() => expect(listener.said.flatMap(({ turns }) => turns)).toEqual([turn('n')]));
  await listener.close();
});

it('passes over what is no turn', async () => {
  const one = await workerOf();
  const stranger = await client();
  for (const text of [
    '',
    '{',
    '{}',
    '[]',
    'null',
    '{"worker":"","turns":[]}',
    '{"worker":"x","turns":[{}]}',
  ]) {
    stranger.publish('llmq.workers.turns', text);
  }
  const unknownLane = { worker: 'x', turns: [{ model: 'm', lane: 'other', waiting: [] }] };
  stranger.publish('llmq.workers.turns', JSON.stringify(unknownLane));
  await stranger.flush();
  await one.nats.flush();
  expect([one.heard, one.turns.isAlone]).toEqual([[], true]);
  stranger.publish('llmq.workers.turns', JSON.stringify({ worker: 'x', turns: [turn('m')] }));
  await eventually(() => expect(one.heard).toEqual([turn('m')]));
  await stranger.close();
});
