import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { FAKE_TIME_LIBRARY, type FakeClock, fakeClock } from '../support/fake-time.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

/** The service's clock alone: for a while its servers' differ from it by an hour as well. */
(FAKE_TIME_LIBRARY === null ? describe.skip : describe).each([
  ['an hour back', -3_600],
  ['an hour forward', 3_600],
])('the clock is set %s', (_, seconds) => {
  let folder: string;
  let clock: FakeClock;
  let service: RunningService;
  beforeAll(async () => {
    folder = await makeTempDir('llmq-clock');
    clock = await fakeClock(folder);
    service = await startService({ env: clock.env });
  }, 300_000);
  afterAll(async () => {
    await service.stop();
    await removeTempDir(folder);
  }, 300_000);

  const ask = async (path: string, body?: object): Promise<Json> => {
    const headers = { 'content-type': 'application/json' };
    const post = { method: 'POST', headers, body: JSON.stringify(body) };
    return (await fetch(`${service.baseUrl}${path}`, body === undefined ? {} : post)).json();
  };
  const accept = async (more: object = {}): Promise<string> =>
    (await ask('/api/v1/messages', { user_id: 'ann', content: 'What time is it?', ...more })).id;
  const message = (id: string): Promise<Json> => ask(`/api/v1/messages/${id}`);
  const becomes = (id: string, status: string) =>
    eventually(async () => expect((await message(id)).status).toBe(status));

  it('neither stops the work nor the figures, and moves only what has a point in time', async () => {
    await becomes(await accept(), 'completed');
    const waits = await accept({ delay: '8s' });
    const endsSoon = await accept({ delay: '30m', ttl: '40m' });
    const before = Date.parse((await message(waits)).created_at);
    await clock.set(seconds);
    await sleep(1_500);

    const after = await accept();
    const moved = Date.parse((await message(after)).created_at) - before;
    expect(Math.abs(moved - seconds * 1_000)).toBeLessThan(60_000);
    await becomes(after, 'completed');
    // A moment old at most, as ever: what was read before the step is not taken for news.
    await eventually(
      async () => {
        const { data } = await ask('/api/v1/queues/status');
        expect(data.map(({ waiting }: Json) => waiting)).toEqual([0, 0, 0, 0]);
      },
      { withinMs: 60_000 },
    );
    await eventually(async () => expect((await fetch(`${service.baseUrl}/health/ready`)).status).toBe(200));
    // NATS keeps delays, by its own clock, so that this one comes at its time all the same.
    await becomes(waits, 'completed');
    await becomes(await accept({ delay: '1s', ttl: '10m' }), 'completed');
    if (seconds > 0) await becomes(endsSoon, 'expired');
    else expect((await message(endsSoon)).status).toBe('scheduled');
  }, 400_000);
});
