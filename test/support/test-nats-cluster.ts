import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { natsServerPath } from '../../src/platform/embedded/nats-server-path.js';
import type { ClusterNetwork, NodePlace } from './cluster-network.js';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { jetstreamManager } from './jetstream.js';
import { reapWithThisProcess } from './reaper.js';
import { silentLogger } from './silent-logger.js';
import { makeTempDir, removeTempDir } from './temp-dir.js';

const LOGIN = { user: 'llmq', password: 'for-this-test-only' };
export const CLUSTER_SERVERS = ['one', 'two', 'three'] as const;
export type ClusterServer = (typeof CLUSTER_SERVERS)[number];
const ON_LOOPBACK: NodePlace = { clientHost: '127.0.0.1', routeHost: '127.0.0.1', through: [] };

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
  readonly url: string;
  readonly through: readonly string[];
  child: ChildProcess | null;
  readonly release: () => void;
}

/**
 * Three real `nats-server`s that are one JetStream cluster, on free loopback ports, or each as a node of the network. The
 * network stays the caller's.
 */
export async function startTestNatsCluster(
  network?: ClusterNetwork<ClusterServer>,
): Promise<TestNatsCluster> {
  const binary = await natsServerPath(silentLogger);
  const servers = new Map<ClusterServer, Server>();
  const nodes = await Promise.all(
    CLUSTER_SERVERS.map(async (name) => ({
      ...{ name, ...(network?.place(name) ?? ON_LOOPBACK) },
      ...{ port: await freePort(), routePort: await freePort() },
    })),
  );
  const routes = nodes.map(({ routeHost, routePort }) => `nats://${routeHost}:${routePort}`);
  for (const { name, clientHost, routeHost, through, port, routePort } of nodes) {
    const dir = await makeTempDir('llmq-cluster');
    const release = reapWithThisProcess({ dataDir: dir, removeDataDir: true });
    await mkdir(join(dir, 'run'));
    const config = {
      ...{ server_name: name, host: clientHost, port, authorization: LOGIN },
      jetstream: { store_dir: join(dir, 'nats') },
      cluster: { name: 'llmq-test', host: routeHost, port: routePort, routes },
    };
    await writeFile(join(dir, 'nats.conf'), JSON.stringify(config));
    servers.set(name, { dir, url: `nats://${clientHost}:${port}`, through, child: null, release });
  }
  const start = async (name: ClusterServer) => {
    const server = servers.get(name)!;
    const args = ['--config', join(server.dir, 'nats.conf'), '--log', join(server.dir, 'nats.log')];
    const [command, ...rest] = [...server.through, binary, ...args] as [string, ...string[]];
    server.child = spawn(command, rest, { stdio: 'ignore' });
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
  for (const name of CLUSTER_SERVERS) await start(name);
  for (const { url } of servers.values()) await eventually(() => probe(url), { everyMs: 250 });
  return {
    names: CLUSTER_SERVERS,
    address: (name) => ({ url: servers.get(name)!.url, ...LOGIN }),
    kill,
    start,
    freeze: (name) => void servers.get(name)!.child!.kill('SIGSTOP'),
    thaw: (name) => void servers.get(name)!.child!.kill('SIGCONT'),
    async stop() {
      for (const name of CLUSTER_SERVERS) await kill(name);
      for (const { dir, release } of servers.values()) {
        await removeTempDir(dir);
        release();
      }
    },
  };
}

/** That JetStream answers there. */
async function probe(url: string): Promise<void> {
  const { user, password: pass } = LOGIN;
  const connection = await connect({ servers: url, user, pass, timeout: 2_000, reconnect: false });
  try {
    await (await jetstreamManager(connection, { timeout: 2_000, checkAPI: false })).getAccountInfo();
  } finally {
    await connection.close();
  }
}
