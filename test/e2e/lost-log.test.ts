import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type CommandRun, runLlmq, runRebuild } from '../support/llmq-command.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

let dataDir: string;
let service: RunningService | null = null;

beforeEach(async () => {
  dataDir = await makeTempDir('llmq-lost-log');
});
afterEach(async () => {
  await stop();
  await removeTempDir(dataDir);
});

async function start(): Promise<RunningService> {
  service = await startService({ dataDir });
  return service;
}

async function stop(): Promise<void> {
  await service?.stop();
  service = null;
}

async function call(method: string, path: string, body?: object): Promise<{ status: number; json: Json }> {
  const response = await fetch(`${service!.baseUrl}/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : text };
}

const post = (content: string) =>
  call('POST', 'api/v1/messages', { user_id: 'ann', content: `${content} [[demo:rate 0]]` });

async function answered(content: string): Promise<string> {
  const { id } = (await post(content)).json;
  expect((await call('GET', `api/v1/messages/${id}?wait=60s`)).json.status).toBe('completed');
  return id;
}

const ready = () =>
  eventually(async () => expect((await call('GET', 'health/ready')).status).toBe(200), { withinMs: 60_000 });

async function metric(name: string): Promise<number> {
  const { json } = await call('GET', 'metrics');
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(json)?.[1]);
}

const nats = () => join(dataDir, 'nats');
const report = ({ output }: CommandRun): Json => JSON.parse(output);

describe('an older log beside newer tables', () => {
  it('is told before the first request, loses nothing silently, and what is lost can be submitted again', async () => {
    await start();
    const kept = await answered('kept');
    await stop();
    await cp(nats(), `${nats()}-older`, { recursive: true });
    await start();
    const lost = [await answered('lost one'), await answered('lost two'), await answered('lost three')];
    await stop();
    await rm(nats(), { recursive: true });
    await rename(`${nats()}-older`, nats());

    await start();
    const first = await call('GET', 'health/ready');
    expect(first.status).toBe(503);
    expect(first.json.parts.projection).toEqual({
      ok: false,
      detail: expect.stringMatching(
        /the log ends at sequence \d+, .* has lost sequences \d+ to \d+.*operations\.md#when-the-log-has-lost-records/,
      ),
    });
    const late = await post('accepted meanwhile');
    expect(late.status).toBe(202);
    expect(await call('GET', `api/v1/messages/${late.json.id}`)).toMatchObject({
      ...{ status: 503, json: { code: 'projection_behind' } },
    });
    expect((await call('GET', `api/v1/messages/${kept}`)).status).toBe(200);
    await eventually(async () => expect(await metric('llmq_projection_stopped')).toBe(1));
    expect((await call('GET', 'health/ready')).json.parts.projector).toEqual({
      ok: false,
      detail: expect.stringMatching(/has lost sequences \d+ to .*operations\.md#when-the-projection-stops/),
    });
    expect(await metric('llmq_projection_lag')).toBeGreaterThan(0);
    expect(await metric('llmq_log_lost_records')).toBeGreaterThan(0);
    const verified = await runLlmq(dataDir, 'events', 'verify', '--json');
    expect([verified.code, report(verified).ok]).toEqual([1, false]);
    expect(Object.keys(report(verified).counts)).toContain('log_end_lost');

    const refused = await runRebuild(dataDir);
    expect([refused.code, refused.errors]).toEqual([
      1,
      expect.stringMatching(/lost sequences \d+ to \d+.*events salvage.*--force/),
    ]);
    const salvaged = await runLlmq(dataDir, 'events', 'salvage');
    const lines = salvaged.output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ metadata }) => metadata.salvaged_from)).toEqual(lost);
    expect((await runLlmq(dataDir, 'events', 'salvage', '--open')).output).toBe('');

    expect(await runRebuild(dataDir, '--force')).toMatchObject({ code: 0 });
    await ready();
    expect((await call('GET', `api/v1/messages/${lost[0]}`)).status).toBe(404);
    expect((await call('GET', `api/v1/messages/${late.json.id}`)).status).toBe(200);
    const batch = await call('POST', 'api/v1/messages/batch', { messages: lines });
    expect(batch.json).toMatchObject({ accepted: 3, rejected: 0 });
    for (const { id } of batch.json.results) {
      const again = (await call('GET', `api/v1/messages/${id}?wait=60s`)).json;
      expect([again.status, lost]).toEqual([
        'completed',
        expect.arrayContaining([again.metadata.salvaged_from]),
      ]);
    }
    // The loss stays told, and nothing else is wrong.
    expect(report(await runLlmq(dataDir, 'events', 'verify', '--json'))).toMatchObject({
      ...{ ok: false, counts: { lost: 1 } },
    });
  }, 600_000);
});

describe('a log that was deleted', () => {
  it('is never taken for a whole one', async () => {
    await start();
    await answered('gone');
    await stop();
    await rm(nats(), { recursive: true });
    await start();
    expect((await call('GET', 'health/ready')).json).toMatchObject({
      ...{ status: 'not_ready', parts: { projection: { ok: false } } },
    });
    expect(await metric('llmq_projection_lag')).not.toBe(0);
    const verified = await runLlmq(dataDir, 'events', 'verify', '--json');
    expect([verified.code, report(verified).counts]).toEqual([1, { log_end_lost: 1 }]);
    const { id } = (await post('new')).json;
    expect((await call('GET', `api/v1/messages/${id}`)).json.code).toBe('projection_behind');
  }, 300_000);
});
