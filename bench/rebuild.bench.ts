import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { startTestNats } from '../test/support/test-nats.js';
import { startTestPostgres } from '../test/support/test-postgres.js';
import type { Figure } from './figure.js';
import { EVENTS_PER_MESSAGE, fillLog, openBenchLog } from './log-fill.js';

/** The whole measure takes some minutes: `BENCH_REBUILD=1000000`. */
const MESSAGES = Number(process.env['BENCH_REBUILD'] ?? 200_000);
const EVENTS = EVENTS_PER_MESSAGE * MESSAGES;
const COMMAND = resolve(import.meta.dirname, '../src/projection/rebuild/rebuild.main.js');
const SAMPLE_MS = 100;

/** `npm run projections:rebuild` as users run it, from its start to its end: how fast it is, and what it takes. */
export async function benchRebuild(): Promise<Figure[]> {
  const [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres({ fsync: true })]);
  try {
    const { log, close } = await openBenchLog(nats);
    await fillLog(log, MESSAGES);
    await close();
    const env = { NATS_URL: nats.url, NATS_USER: nats.user, NATS_PASSWORD: nats.password };
    const { seconds, peakMiB } = await rebuilt({ ...env, DATABASE_URL: postgres.url });
    const perSecond = EVENTS / seconds;
    const shared = { theirs: '-' };
    return [
      {
        ...{ what: `rebuild of ${MESSAGES} messages, ${EVENTS} events`, ours: `${seconds.toFixed(1)} s` },
        ...{ ...shared, result: `${Math.round(perSecond)} events/s`, target: '>= 50000' },
        met: perSecond >= 50_000,
      },
      {
        ...{ what: 'resident memory of the process that rebuilds', ours: `${peakMiB} MiB at most` },
        ...{ ...shared, result: `${peakMiB} MiB`, target: '< 400 MiB', met: peakMiB < 400 },
      },
    ];
  } finally {
    await Promise.all([nats.stop(), postgres.stop()]);
  }
}

async function rebuilt(env: NodeJS.ProcessEnv): Promise<{ seconds: number; peakMiB: number }> {
  const started = performance.now();
  const child = spawn(process.execPath, [COMMAND], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let peakMiB = 0;
  const watch = setInterval(() => {
    void peakOf(child.pid!).then((peak) => {
      peakMiB = Math.max(peakMiB, peak);
    });
  }, SAMPLE_MS);
  const [code] = await once(child, 'exit');
  clearInterval(watch);
  if (code !== 0) throw new Error(`The rebuild ended with ${code}.`);
  return { seconds: (performance.now() - started) / 1_000, peakMiB };
}

/** From Linux's /proc; 0 once it has ended. */
async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
}
