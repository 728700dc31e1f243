import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

/** Where Debian and Fedora keep the library of their package libfaketime. */
const LIBRARY = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib64/faketime/libfaketimeMT.so.1',
].find((path) => existsSync(path));

/**
 * The wall clock of the service's process is set while it runs; its monotonic clock goes on, as when a person or NTP sets
 * the machine's. The clocks of its servers stay as they are (nats-server is a static program, which can't be told
 * another time), so that for a while they differ from the service's by an hour as well.
 */
(LIBRARY === undefined ? describe.skip : describe).each([
  ['an hour back', '-3600'],
  ['an hour forward', '+3600'],
])('the clock is set %s', (_, seconds) => {
  let folder: string;
  let clock: string;
  let service: RunningService;
  beforeAll(async () => {
    folder = await makeTempDir('llmq-clock');
    clock = join(folder, 'clock');
    await writeFile(clock, '+0\n');
    service = await startService({
      env: {
        LD_PRELOAD: LIBRARY,
        FAKETIME_TIMESTAMP_FILE: clock,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    });
  }, 300_000);
  afterAll(async () => {
    await service.stop();
    await removeTempDir(folder);
  }, 120_000);

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
    await writeFile(clock, `${seconds}\n`);
    await sleep(1_500);

    const after = await accept();
    const moved = Date.parse((await message(after)).created_at) - before;
    expect(Math.abs(moved - Number(seconds) * 1_000)).toBeLessThan(60_000);
    await becomes(after, 'completed');
    // A moment old at most, as ever: what was read before the step is not taken for news.
    await eventually(
      async () => {
        const { data } = await ask('/api/v1/queues/status');
        expect(data.map(({ waiting }: Json) => waiting)).toEqual([0, 0, 0, 0]);
      },
      { withinMs: 10_000 },
    );
    expect((await fetch(`${service.baseUrl}/health/ready`)).status).toBe(200);
    // NATS keeps delays, by its own clock, so that this one comes at its time all the same.
    await becomes(waits, 'completed');
    await becomes(await accept({ delay: '1s', ttl: '10m' }), 'completed');
    if (Number(seconds) > 0) await becomes(endsSoon, 'expired');
    else expect((await message(endsSoon)).status).toBe('scheduled');
  }, 180_000);
});
