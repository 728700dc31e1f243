import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { devNull } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endEmbeddedServers } from './embedded-processes.js';
import { supervisedBelow } from './service-processes.js';

const PROJECT = resolve(import.meta.dirname, '../..');

/** Ten processes begin at once, on a machine that may do much else. */
const READY_WITHIN_MS = 240_000;

export interface StartedCluster {
  readonly pid: number;
  /** By name: `api-1`, `nats-2`, as it printed them. */
  readonly places: ReadonlyMap<string, string>;
  /** The login at all NATS servers. */
  readonly login: { readonly user: string; readonly password: string };
  logs(): string;
  /** Sends the signal to the cluster's own process alone. Resolves with its exit code, null where a signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** What `npm run start:cluster` starts, over the data folder. */
export async function startCluster(dataDir: string, env: NodeJS.ProcessEnv = {}): Promise<StartedCluster> {
  const child = spawn(process.execPath, [join(PROJECT, 'dist/app/cluster/cluster.main.js')], {
    cwd: PROJECT,
    env: { ...process.env, SERVER_PORT: '0', LLMQ_DATA_DIR: dataDir, LLMQ_CONFIG: devNull, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!output.includes('Ctrl-C ends it.')) {
    if (child.exitCode === null && Date.now() < deadline) await sleep(100);
    else {
      const code = await end(child, exited, 'SIGTERM');
      throw new Error(`The cluster did not start, and ended with ${code}. It wrote:\n${output}`);
    }
  }
  const places = [...output.matchAll(/^ {2}(\S+)\s+(\S+)$/gm)].map(
    ([, name, place]) => [name!, place!] as const,
  );
  const credentials = JSON.parse(await readFile(join(dataDir, 'cluster/credentials.json'), 'utf8'));
  return {
    ...{ pid: child.pid!, places: new Map(places), login: credentials.nats, logs: () => output },
    end: (signal) => end(child, exited, signal),
  };
}

async function end(
  child: ChildProcess,
  exited: Promise<[number | null]>,
  signal: NodeJS.Signals,
): Promise<number | null> {
  child.kill(signal);
  return (await exited)[0];
}

/** Whatever a failed test left of it. */
export async function endCluster(cluster: StartedCluster, dataDir: string): Promise<void> {
  const left = await supervisedBelow(cluster.pid);
  await cluster.end('SIGKILL');
  for (const pid of left.values()) process.kill(pid, 'SIGKILL');
  for (const folder of ['.', 'nats-1', 'nats-2', 'nats-3']) {
    await endEmbeddedServers(join(dataDir, 'cluster', folder));
  }
}
