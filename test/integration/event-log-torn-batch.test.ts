import { execFileSync } from 'node:child_process';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { machineTool } from '../support/machine-tool.js';
import { startTestNats, type TestNats } from '../support/test-nats.js';
import { readUpTo } from './event-log.conformance.js';
import { accepted, cancelled, ids } from './event-log.samples.js';
import { type OpenLog, openLog } from './event-log.test-log.js';

const PRLIMIT = process.platform === 'linux' ? machineTool('prlimit') : null;
const CONTENT = 'x'.repeat(900);
/** More than the batch, which the broker puts into a file of its own first. */
const BEFORE = Array.from({ length: 4 }, () => cancelled({ content: 'y'.repeat(500_000) }));

/**
 * No file of the server may grow beyond a size: its write ends in the middle of a batch, as on a disk that is full, and
 * it keeps that failure until it is started again.
 */
(PRLIMIT === null ? describe.skip : describe)('a batch that the broker could write a part of', () => {
  let nats: TestNats;
  let open: OpenLog;
  let stop: AbortController;
  beforeEach(async () => {
    stop = new AbortController();
    nats = await startTestNats({ syncAlways: true });
    open = await openLog(nats);
  });
  afterEach(async () => {
    stop.abort();
    await open.close();
    await nats.stop();
  });

  it.each([
    ['with what it had put by', false],
    ['without', true],
  ])(
    'is stored whole and once after a restart of the broker, %s',
    async (_, loses) => {
      const { log } = open;
      for (const event of BEFORE) await log.append([event]);
      const room = (await largestBlock(nats)) + 150_000;
      execFileSync(PRLIMIT!, ['--pid', String(nats.pid), `--fsize=${room}:unlimited`]);
      const events = Array.from({ length: 250 }, () => accepted({ content: CONTENT })).flat();
      const result = log.append(events, { until: stop.signal });
      await sleep(3_000);
      await nats.kill();
      if (loses) await rm(await batchesFolder(nats), { recursive: true, force: true });
      await nats.restart();

      const { firstSequence } = await result;
      const { firstSequence: end } = await log.append([cancelled()]);
      const stored = await readUpTo(log, firstSequence, end);
      expect(ids(stored.map(({ event }) => event)).slice(0, -1)).toEqual(ids(events));
    },
    300_000,
  );
});

const streamFolder = (nats: TestNats) => join(nats.dir, 'nats', 'jetstream', '$G', 'streams', 'LLMQ_EVENTS');

async function largestBlock(nats: TestNats): Promise<number> {
  const folder = join(streamFolder(nats), 'msgs');
  const blocks = (await readdir(folder)).filter((name) => name.endsWith('.blk'));
  const sizes = await Promise.all(blocks.map(async (name) => (await stat(join(folder, name))).size));
  return Math.max(...sizes);
}

async function batchesFolder(nats: TestNats): Promise<string> {
  return join(streamFolder(nats), 'batches');
}
