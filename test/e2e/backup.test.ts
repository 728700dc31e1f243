import { cp, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { runLlmq } from '../support/llmq-command.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

let work: string;
let service: RunningService | null = null;

const at = (name: string) => join(work, name);

beforeAll(async () => {
  work = await makeTempDir('llmq-backup');
  await mkdir(at('data'));
});
afterAll(async () => {
  await service?.stop();
  await removeTempDir(work);
});

async function call(
  method: string,
  path: string,
  body?: object,
  more: Record<string, string> = {},
): Promise<Json> {
  const headers = { ...more, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  const response = await fetch(`${service!.baseUrl}/${path}`, {
    ...{ method, headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return response.json();
}

it('brings back all that was accepted before it, and refuses what is damaged or in the way', async () => {
  service = await startService({ dataDir: at('data') });
  const asked = { user_id: 'ann', content: 'Keep this. [[demo:rate 0]]' };
  const key = { 'idempotency-key': 'once' };
  const { id } = await call('POST', 'api/v1/messages', asked, key);
  const answer = await call('GET', `api/v1/messages/${id}?wait=60s`);
  expect(answer.status).toBe('completed');
  const later = await call('POST', 'api/v1/messages', { ...asked, delay: '100s' });
  await eventually(async () =>
    expect((await call('GET', `api/v1/messages/${later.id}`)).status).toBe('scheduled'),
  );

  // Beside the service, which has nothing to do.
  const backup = await runLlmq(at('data'), 'backup', at('backup'));
  expect(backup).toMatchObject({ code: 0, output: expect.stringContaining('The log up to sequence') });
  const manifest = JSON.parse(await readFile(join(at('backup'), 'backup.json'), 'utf8'));
  expect(manifest).toMatchObject({
    ...{ format: 1, created_at: expect.stringMatching(/Z$/), last_sequence: expect.any(Number) },
    versions: { service: '0.1.0', nats_server: expect.stringMatching(/^2\./) },
  });
  const names = manifest.streams.map(({ name }: { name: string }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      ...['LLMQ_EVENTS', 'LLMQ_SCHEDULES', 'KV_llmq_cancellations', 'KV_llmq_idempotency'],
    ]),
  );
  expect(await runLlmq(at('data'), 'backup', at('backup'))).toMatchObject({
    ...{ code: 1, errors: expect.stringContaining('is not empty') },
  });
  expect(await runLlmq(at('data'), 'restore', at('backup'))).toMatchObject({
    ...{ code: 1, errors: expect.stringContaining('in use') },
  });
  await service.stop();
  service = null;
  expect(await runLlmq(at('data'), 'restore', at('backup'))).toMatchObject({
    ...{ code: 1, errors: expect.stringMatching(/Nothing was restored: .*nats.* hold data.*--force/) },
  });

  await cp(at('backup'), at('damaged'), { recursive: true });
  const file = await open(join(at('damaged'), 'LLMQ_EVENTS.snapshot'), 'r+');
  await file.write(Buffer.from('################'), 0, 16, 100);
  await file.close();
  expect(await runLlmq(at('new'), 'restore', at('damaged'))).toMatchObject({
    ...{ code: 1, errors: expect.stringContaining('LLMQ_EVENTS.snapshot does not fit its checksum') },
  });
  await rm(join(at('damaged'), 'backup.json'));
  expect(await runLlmq(at('new'), 'restore', at('damaged'))).toMatchObject({
    ...{ code: 1, errors: expect.stringContaining('backup.json is missing') },
  });

  const restored = await runLlmq(at('new'), 'restore', at('backup'));
  expect(restored).toMatchObject({ code: 0, output: expect.stringContaining('Start the service now') });
  service = await startService({ dataDir: at('new') });
  await eventually(async () => expect(await call('GET', 'health/ready')).toMatchObject({ status: 'ready' }));
  expect(await call('GET', `api/v1/messages/${id}`)).toEqual(answer);
  expect((await call('POST', 'api/v1/messages', asked, key)).id).toBe(id);
  await eventually(
    async () => expect((await call('GET', `api/v1/messages/${later.id}`)).status).toBe('completed'),
    { withinMs: 180_000, everyMs: 1_000 },
  );
  await eventually(async () => {
    const verified = await runLlmq(at('new'), 'events', 'verify', '--json');
    expect(JSON.parse(verified.output)).toMatchObject({ ok: true });
  });
}, 900_000);
