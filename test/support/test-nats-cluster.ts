import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { probeNats } from '../../src/platform/embedded/embedded-nats.js';
import { natsServerPath } from '../../src/platform/embedded/nats-server-path.js';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { reapWithThisProcess } from './reaper.js';
import { silentLogger } from './silent-logger.js';
import { makeTempDir, removeTempDir } from './temp-dir.js';

const LOGIN = { user: 'llmq', password: 'for-this-test-only' };
const NAMES = ['one', 'two', 'three'] as const;
export type ClusterServer = (typeof NAMES)[number];

export interface TestNatsCluster {
  readonly names: readonly ClusterServer[];
  address(name: ClusterServer): { readonly url: string; readonly user: string; readonly password: string };
  /** SIGKILL. */
  kill(name: ClusterServer): Promise<void>;
  start(name: ClusterServer): Promise<void>;
  /** SIGSTOP: it stands still, and its connections stay open. */
  freeze(name: ClusterServer): void;
  thaw(name: ClusterServer): void;
  stop(): Promise<void>;
}

interface Server {
  readonly dir: string;
  readonly port: number;
  child: ChildProcess | null;
  readonly release: () => void;
}

/** Three real `nats-server`s that are one JetStream cluster, on free loopback ports. */
export async function startTestNatsCluster(): Promise<TestNatsCluster> {
  const binary = await natsServerPath(silentLogger);
  const servers = new Map<ClusterServer, Server>();
  const routePorts = await Promise.all(NAMES.map(() => freePort()));
  const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`);
  for (const [index, name] of NAMES.entries()) {
    const dir = await makeTempDir('llmq-cluster');
    const release = reapWithThisProcess({ dataDir: dir, removeDataDir: true });
    await mkdir(join(dir, 'run'));
    const port = await freePort();
    const config = {
      ...{ server_name: name, host: '127.0.0.1', port, authorization: LOGIN },
      jetstream: { store_dir: join(dir, 'nats') },
      cluster: { name: 'llmq-test', host: '127.0.0.1', port: routePorts[index], routes },
    };
    await writeFile(join(dir, 'nats.conf'), JSON.stringify(config));
    servers.set(name, { dir, port, child: null, release });
  }
  const start = async (name: ClusterServer) => {
    const server = servers.get(name)!;
    const args = ['--config', join(server.dir, 'nats.conf'), '--log', join(server.dir, 'nats.log')];
    server.child = spawn(binary, args, { stdio: 'ignore' });
    await once(server.child, 'spawn');
    await writeFile(join(server.dir, 'run', 'nats.json'), JSON.stringify({ pid: server.child.pid }));
  };
  const kill = async (name: ClusterServer) => {
    const server = servers.get(name)!;
    if (server.child === null) return;
    const ended = once(server.child, 'exit');
    server.child.kill('SIGKILL');
    await ended;
    server.child = null;
  };
  for (const name of NAMES) await start(name);
  for (const { port } of servers.values()) {
    await eventually(() => probeNats(port, LOGIN), { withinMs: 60_000, everyMs: 250 });
  }
  return {
    names: NAMES,
    address: (name) => ({ url: `nats://127.0.0.1:${servers.get(name)!.port}`, ...LOGIN }),
    kill,
    start,
    freeze: (name) => void servers.get(name)!.child!.kill('SIGSTOP'),
    thaw: (name) => void servers.get(name)!.child!.kill('SIGCONT'),
    async stop() {
      for (const name of NAMES) await kill(name);
      for (const { dir, release } of servers.values()) {
        await removeTempDir(dir);
        release();
      }
    },
  };
}
