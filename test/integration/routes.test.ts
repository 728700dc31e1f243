import { setTimeout as sleep } from 'node:timers/promises';
import { OpenAiEndpoint } from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { boundOnWait, laneOrder } from '../../src/dispatch/lanes/lane-order.policy.js';
import { LANES, type Lane } from '../../src/domain/message/lane.policy.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type MeteredModel, startMeteredModel } from '../support/metered-model.js';
import { Rig } from './dispatcher.rig.js';

let rig: Rig;
const models: MeteredModel[] = [];

beforeEach(async () => {
  rig = await Rig.start();
});
afterEach(async () => {
  await rig?.stop();
  for (const model of models.splice(0)) await model.close();
});

/** A model on real HTTP, and a way to an endpoint of it for each worker. */
async function served(name: string, takesMs: number, places: number) {
  const model = await startMeteredModel(takesMs);
  models.push(model);
  const endpoint = (maxConcurrency = places) =>
    new OpenAiEndpoint({
      ...{ name, baseUrl: model.url, models: [name], maxConcurrency, apiKey: null },
      ...{ connectTimeoutMs: 60_000, firstTokenTimeoutMs: 60_000 },
    });
  return { model, endpoint };
}

async function submitAll(lane: Lane, model: string, count: number, name = ''): Promise<void> {
  for (let at = 0; at < count; at += 1) await rig.submit(lane, { model, content: `${name}${at}` });
}

async function startAfresh(): Promise<void> {
  await rig.stop();
  rig = await Rig.start();
}

describe('what waits for a busy model', () => {
  it('takes no longer beside an endpoint that nobody uses', async () => {
    // Both at the same time: what else this machine does slows both.
    await inOneOf(
      5,
      async () => {
        const alone = await served('alone', 20, 4);
        const beside = await served('beside', 20, 4);
        const idle = await served('idle', 20, 4);
        for (let at = 0; at < 200; at += 1) {
          for (const model of ['alone', 'beside']) await rig.submit('normal', { model });
        }
        const options = { concurrency: 16 };
        await Promise.all([
          rig.startWorker({ ...options, endpoints: [alone.endpoint()] }),
          rig.startWorker({ ...options, endpoints: [idle.endpoint(), beside.endpoint()] }),
        ]);
        const [tookAlone, tookBeside] = await Promise.all([tookAll(alone.model), tookAll(beside.model)]);
        await rig.lanesEmpty();
        expect(tookBeside / tookAlone).toBeLessThan(1.1);
        expect(deliveries()).toEqual(Array.from({ length: 400 }, () => 1));
      },
      startAfresh,
    );
  });

  it.each([1, 2])('lets a realtime message go next, over %i worker(s)', async (workers) => {
    // A lane that the broker is slow to answer for counts as empty for that moment.
    await inOneOf(
      3,
      async () => {
        const busy = await served('busy', 50, 1);
        const idle = await served('idle', 5, 8);
        // The first worker has the one place; the second has none of that model, and must hold nothing of it.
        for (let at = 0; at < workers; at += 1) {
          await rig.startWorker({ endpoints: [idle.endpoint(), ...(at === 0 ? [busy.endpoint()] : [])] });
        }
        await submitAll('normal', 'busy', 40);
        await eventually(() => expect(busy.model.asked.length).toBeGreaterThanOrEqual(2));
        busy.model.hold();
        await eventually(() => expect(busy.model.running).toBe(1));
        await rig.submit('realtime', { model: 'busy', content: 'urgent' });
        const before = busy.model.asked.length;
        busy.model.release();
        await eventually(() => expect(busy.model.asked).toContain('urgent'));
        expect(busy.model.asked.indexOf('urgent') - before).toBeLessThanOrEqual(1);
      },
      startAfresh,
    );
  });

  it('begins in the order of acceptance, one after the other', async () => {
    const busy = await served('busy', 60, 1);
    const idle = await served('idle', 5, 4);
    await rig.startWorker({ endpoints: [busy.endpoint(), idle.endpoint()] });
    await submitAll('normal', 'busy', 12);
    await eventually(() => expect(busy.model.asked).toHaveLength(12));
    expect(busy.model.asked).toEqual(Array.from({ length: 12 }, (_, at) => `${at}`));
    await rig.lanesEmpty();
    expect(deliveries()).toEqual(Array.from({ length: 12 }, () => 1));
  });

  it.each([1, 2])('holds up no other model with 20,000 messages, over %i worker(s)', async (workers) => {
    const busy = await served('busy', 300, 2);
    const free = await served('free', 5, 4);
    for (let filled = 0; filled < 20_000; filled += 2_000) {
      await Promise.all(Array.from({ length: 2_000 }, () => rig.submit('high', { model: 'busy' })));
    }
    for (let at = 0; at < workers; at += 1) {
      await rig.startWorker({ endpoints: [busy.endpoint(1), free.endpoint(2)] });
    }
    await eventually(() => expect(busy.model.asked.length).toBeGreaterThanOrEqual(workers));
    let submitted = 0;
    await inOneOf(5, async () => {
      const took: number[] = [];
      for (let at = 0; at < 10; at += 1) {
        const began = performance.now();
        submitted += 1;
        await rig.submit('low', { model: 'free', content: `${submitted}` });
        await eventually(() => expect(free.model.asked).toContain(`${submitted}`));
        took.push(performance.now() - began);
      }
      // Most of them: one or another may meet a moment in which this machine does something else.
      expect(took.toSorted((one, other) => one - other)[6]).toBeLessThan(1_000);
    });
    // While no call ends, what the workers hold does not change: what they call with, and nothing ahead of that.
    busy.model.hold();
    await eventually(async () => {
      expect(busy.model.running).toBe(workers);
      expect(await rig.taken()).toBe(workers);
    });
    for (let look = 0; look < 10; look += 1) {
      await sleep(50);
      expect(await rig.taken()).toBe(workers);
    }
    busy.model.release();
  });
});

/** How long the model's 200 calls took, from the first. */
async function tookAll(model: MeteredModel): Promise<number> {
  await eventually(() => expect(model.asked.length).toBeGreaterThan(0), { everyMs: 2 });
  const began = performance.now();
  await eventually(() => expect(model.asked).toHaveLength(200), { everyMs: 2 });
  return performance.now() - began;
}

/** The number that each dispatch so far gave its delivery. */
function deliveries(): number[] {
  return rig.folded.events.flatMap(({ event }) =>
    event.type === 'llmq.message.dispatched.v1' ? [event.data.delivery] : [],
  );
}

describe('the lanes of a model', () => {
  const { shares } = laneOrder({
    ...{ slots: 1, realtimeReserve: 0 },
    minShare: { realtime: 0, high: 0.2, normal: 0.1, low: 0.05 },
  });

  /** The most calls in a row that began while the lane waited and was not served. */
  function longestWait(lane: Lane, begun: readonly string[]): number {
    let longest = 0;
    let waited = 0;
    for (const content of begun) {
      waited = content.startsWith(lane) ? 0 : waited + 1;
      longest = Math.max(longest, waited);
    }
    return longest;
  }

  it.each([1, 2])('keep the published bound on the wait, over %i worker(s)', async (workers) => {
    // A lane that the broker is slow to answer for counts as empty for that moment.
    await inOneOf(
      3,
      async () => {
        const one = await served('one', 50, workers);
        const other = await served('other', 50, workers);
        for (const lane of LANES) {
          for (const name of ['one', 'other'])
            await submitAll(lane, name, lane === 'realtime' ? 150 : 40, lane);
        }
        for (let at = 0; at < workers; at += 1) {
          await rig.startWorker({ endpoints: [one.endpoint(1), other.endpoint(1)] });
        }
        await eventually(() =>
          expect(Math.min(one.model.asked.length, other.model.asked.length)).toBeGreaterThan(120),
        );
        for (const { model } of [one, other]) {
          // As long as every lane has a backlog.
          const begun = model.asked.slice(0, 120);
          for (const lane of ['high', 'normal', 'low'] as const) {
            // What begins at the same moment in two workers is not seen by each other, and arrives at the model in any order.
            expect(longestWait(lane, begun)).toBeLessThan(boundOnWait(lane, shares) + 2 * (workers - 1));
          }
          const urgent = begun.filter((content) => content.startsWith('realtime')).length;
          expect(urgent / begun.length).toBeGreaterThan(workers === 1 ? 0.55 : 0.4);
        }
      },
      startAfresh,
    );
  });
});
