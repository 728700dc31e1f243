import { expect } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { runLlmq, runRebuild } from '../support/llmq-command.js';
import { queryPostgres } from '../support/server-clients.js';
import type { RunningService } from '../support/service.js';
import { serviceAddresses } from '../support/service-addresses.js';
import { readStories } from './story.js';

/**
 * Until the tables hold all that the log does, on disk too: the projector does not wait for the fsync of its commits, so that
 * a PostgreSQL which is killed forgets the last of them.
 */
export async function caughtUp({ baseUrl, dataDir }: RunningService): Promise<void> {
  await eventually(
    async () => {
      const text = await (await fetch(`${baseUrl}/health/ready`)).text();
      expect(text).toContain('up to date with the log');
    },
    { withinMs: 180_000 },
  );
  const { databaseUrl } = await serviceAddresses(dataDir);
  // A commit that waits for its fsync, and so for all that was committed before.
  await queryPostgres(databaseUrl, 'CREATE TEMP TABLE flushed (x int)');
}

/**
 * What the guide tells an operator to do whose log has lost records: each accepted message must be in the log or be told
 * by `events salvage`; after a rebuild all goes on, and what was lost can be submitted again.
 *
 * @returns how many messages were lost
 */
export async function comeBackFromLoss(
  { baseUrl, dataDir }: RunningService,
  accepted: Iterable<string>,
): Promise<number> {
  const ready = await fetch(`${baseUrl}/health/ready`);
  expect([ready.status, await ready.text()]).toEqual([503, expect.stringMatching(/lost sequences/)]);
  const { output } = await runLlmq(dataDir, 'events', 'salvage');
  const requests = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  const salvaged = new Set(requests.map(({ metadata }) => metadata.salvaged_from));
  const stories = await readStories(await serviceAddresses(dataDir));
  expect([...accepted].filter((id) => !stories.has(id) && !salvaged.has(id))).toEqual([]);

  expect((await runRebuild(dataDir, '--force')).code).toBe(0);
  await eventually(async () => expect((await fetch(`${baseUrl}/health/ready`)).status).toBe(200), {
    withinMs: 180_000,
  });
  for (let from = 0; from < requests.length; from += 1_000) {
    const messages = requests.slice(from, from + 1_000);
    const response = await fetch(`${baseUrl}/api/v1/messages/batch`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ messages }),
    });
    expect(await response.json()).toMatchObject({ accepted: messages.length, rejected: 0 });
  }
  return salvaged.size;
}
