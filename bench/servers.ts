import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/support/free-port.js';
import { makeTempDir, removeTempDir } from '../test/support/temp-dir.js';
import { startTestNats } from '../test/support/test-nats.js';
import { startTestPostgres } from '../test/support/test-postgres.js';

export interface BenchServers {
  /** What a process of the service needs to use them. */
  readonly env: Record<string, string>;
  readonly databaseUrl: string;
  readonly natsPid: number;
  /** The postmaster's. */
  readonly postgresPid: number;
  stop(): Promise<void>;
}

/** NATS and PostgreSQL as the service runs them for its users: every write fsynced. */
export async function startBenchServers(): Promise<BenchServers> {
  const nats = await startTestNats({ syncAlways: true });
  const postgres = await startTestPostgres({ fsync: true });
  return {
    env: {
      NATS_URL: nats.url,
      NATS_USER: nats.user,
      NATS_PASSWORD: nats.password,
      DATABASE_URL: postgres.url,
    },
    databaseUrl: postgres.url,
    natsPid: nats.pid,
    postgresPid: postgres.pid,
    stop: async () => {
      await nats.stop();
      await postgres.stop();
    },
  };
}

export interface BenchRedis {
  readonly url: string;
  readonly version: string;
  stop(): Promise<void>;
}

/** A Redis that fsyncs every write, as durable as the log it is compared with; null where there is no `redis-server`. */
export async function startBenchRedis(): Promise<BenchRedis | null> {
  const version = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  if (version.status !== 0) return null;
  const port = await freePort();
  const dir = await makeTempDir('llmq-bench-redis');
  const durable = [
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
    '--save',
    '',
    '--maxmemory-policy',
    'noeviction',
  ];
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, ...durable],
    { stdio: 'ignore' },
  );
  await reachable(port);
  return {
    url: `redis://127.0.0.1:${port}`,
    version: /v=(\S+)/.exec(version.stdout)?.[1] ?? '?',
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      await removeTempDir(dir);
    },
  };
}

async function reachable(port: number): Promise<void> {
  for (let tries = 0; !(await answers(port)); tries += 1) {
    if (tries > 100) throw new Error(`Nothing answers on port ${port}.`);
    await sleep(50);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
