import { join } from 'node:path';
import type { Logger } from 'pino';
import { loadOrCreateCredentials } from '../../platform/embedded/credentials.js';
import { dataFolderAt, openDataFolder } from '../../platform/embedded/data-folder.js';
import { type EmbeddedNats, startEmbeddedNats } from '../../platform/embedded/embedded-nats.js';
import { endLeftoverServers } from '../../platform/embedded/leftover-servers.js';
import { freeLoopbackPort } from '../../platform/embedded/loopback-port.js';
import type { PublisherLogin } from '../../platform/embedded/nats-accounts.policy.js';
import { natsServerPath } from '../../platform/embedded/nats-server-path.js';
import { diskSpaceAt } from '../../platform/embedded/nats-store.js';

export const NATS_NODES = ['nats-1', 'nats-2', 'nats-3'] as const;

export interface NatsNodesOptions {
  /** Absolute, and locked by the caller. Each node has a folder in it. */
  readonly dir: string;
  readonly logger: Logger;
  readonly maxStoreBytes: number | null;
  readonly publishers: readonly PublisherLogin[];
}

export interface NatsNodes {
  /** All of them, with commas. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly nodes: readonly { readonly name: string; readonly url: string; readonly pid: number | null }[];
  stop(): Promise<void>;
}

/**
 * Starts three NATS servers that are one JetStream cluster, on loopback, and keeps them running. Resolves when each
 * answers for the cluster.
 *
 * @throws {EmbeddedServerError} then none is left running
 */
export async function startNatsNodes(options: NatsNodesOptions): Promise<NatsNodes> {
  const { dir, logger, publishers } = options;
  const credentials = await loadOrCreateCredentials(dataFolderAt(dir).credentials);
  const binary = await natsServerPath(logger);
  const routePorts = await freePorts(NATS_NODES.length);
  // They share one disk.
  const maxStoreBytes =
    options.maxStoreBytes ?? Math.floor((await diskSpaceAt(dir)).sizeBytes / NATS_NODES.length);
  // Together: a server answers when more than half of them are there.
  const starts = await Promise.allSettled(
    NATS_NODES.map(async (name, at) => {
      const folder = await openDataFolder(join(dir, name));
      await endLeftoverServers(folder, credentials, logger);
      return startEmbeddedNats({
        ...{ folder, login: credentials.nats, reader: credentials.readers.nats, publishers, logger, binary },
        ...{ port: null, syncAlways: true, keepAlive: true, maxStoreBytes },
        cluster: { serverName: name, routePort: routePorts[at]!, routePorts },
      });
    }),
  );
  const nodes = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed !== undefined) {
    await stopAll(nodes);
    throw failed.reason;
  }
  return {
    url: nodes.map(({ url }) => url).join(','),
    ...credentials.nats,
    get nodes() {
      return nodes.map(({ url, pid }, at) => ({ name: NATS_NODES[at]!, url, pid }));
    },
    stop: () => stopAll(nodes),
  };
}

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freeLoopbackPort());
  return [...ports];
}

async function stopAll(nodes: readonly EmbeddedNats[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop()));
}
