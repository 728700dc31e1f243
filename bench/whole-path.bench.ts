import { runForJson } from './child.js';
import type { LoopResult } from './closed-loop.js';
import { type Figure, ratioOf } from './figure.js';
import { startBenchRedis, startBenchServers } from './servers.js';
import { WHOLE_PATH } from './whole-path.load.js';

const ROUNDS = 3;

/** The whole path with a no-op endpoint against BullMQ's add-and-process, on Redis and on PostgreSQL. */
export async function benchWholePath(): Promise<Figure[]> {
  const { inFlight, concurrency } = WHOLE_PATH;
  const what = `whole path, no-op endpoint, ${inFlight} in flight, ${concurrency} slots, against BullMQ`;
  const redis = await startBenchRedis();
  const servers = await startBenchServers();
  const ours = async () =>
    (await runForJson<LoopResult>('bench/sides/llmq.side.js', [], servers.env)).perSecond;
  const theirs = (url: string) => async () =>
    (await runForJson<LoopResult>('bench/sides/bullmq.side.js', [url], {})).perSecond;
  try {
    const onPostgres = await ratioOf(
      `${what} on PostgreSQL`,
      null,
      ROUNDS,
      ours,
      theirs(servers.databaseUrl),
    );
    if (redis === null) {
      const missing = { ours: '-', theirs: '-', result: 'no redis-server found', target: '>= 1', met: null };
      return [{ what: `${what} on Redis`, ...missing }, onPostgres];
    }
    const name = `${what} on Redis ${redis.version}, appendfsync always`;
    return [await ratioOf(name, 1, ROUNDS, ours, theirs(redis.url)), onPostgres];
  } finally {
    await redis?.stop();
    await servers.stop();
  }
}
