import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { programEnvironment } from './child-program.js';
import type { Login } from './credentials.js';
import type { DataFolder } from './data-folder.js';
import { EmbeddedServerError } from './embedded-server.error.js';
import type { EndStep } from './end-process.js';
import { isLoopbackPortFree, startOnFreePort } from './loopback-port.js';
import { inServiceAccount } from './nats-account-store.js';
import { accountsOf, type PublisherLogin } from './nats-accounts.policy.js';
import { READER_PERMISSIONS } from './nats-reader.policy.js';
import { diskSpaceAt, type NatsStore } from './nats-store.js';
import { writePrivateFile } from './private-file.js';
import { ServerLog } from './server-log.js';
import type { ServerProgram } from './server-program.js';
import { readServerRecord } from './server-record.js';
import { SupervisedServer } from './supervised-server.js';

/** With SIGTERM it closes its streams' files first. With fsync per write, SIGKILL loses nothing either. */
export const NATS_END_STEPS: readonly EndStep[] = [
  { signal: 'SIGTERM', waitMs: 15_000 },
  { signal: 'SIGKILL', waitMs: 10_000 },
];

/** A message's content may be 4 MiB, and its event carries more than the content. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

/** A publisher signs what the server asks it; on a busy machine that takes longer than the server's two seconds. */
const LOGIN_TIMEOUT_S = 30;

export const natsConfigFile = (folder: DataFolder) => join(folder.run, 'nats-server.conf');
export const natsPidFile = (folder: DataFolder) => join(folder.run, 'nats-server.pid');

/** What makes several servers one JetStream cluster. */
export interface NatsClusterPlace {
  /** Of this server, unique; JetStream knows its copies by it. */
  readonly serverName: string;
  /** Where the others find it, on loopback. */
  readonly routePort: number;
  /** Where it finds all of them. */
  readonly routePorts: readonly number[];
}

export interface EmbeddedNatsOptions {
  readonly folder: DataFolder;
  readonly login: Login;
  /** Who may only read; absent for nobody. */
  readonly reader?: Login;
  /** Who may publish, each in an account of its own. */
  readonly publishers?: readonly PublisherLogin[];
  readonly logger: Logger;
  /** The path of `nats-server`, 2.14.7 or newer. */
  readonly binary: string;
  /** A port that must be used; null takes the one of last time, or a free one. */
  readonly port: number | null;
  readonly syncAlways: boolean;
  readonly keepAlive: boolean;
  /** `max_file_store`; null for the size of the disk, which is looked at before each start. */
  readonly maxStoreBytes?: number | null;
  /** Absent for a server that is alone. */
  readonly cluster?: NatsClusterPlace;
}

export interface EmbeddedNats {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Null while the server is down. */
  readonly pid: number | null;
  readonly store: NatsStore;
  stop(): Promise<void>;
}

/**
 * Starts `nats-server` with JetStream on loopback, its store in the data folder. Resolves when JetStream answers.
 * @throws {EmbeddedServerError} `nats_start_failed`
 */
export async function startEmbeddedNats(options: EmbeddedNatsOptions): Promise<EmbeddedNats> {
  await refuseTakenPort(options.port);
  const last = (await readServerRecord(options.folder.run, 'nats'))?.port ?? null;
  return startOnFreePort({ fixed: options.port, last }, async (port) => {
    const server = new SupervisedServer({
      program: natsProgram(port, options),
      log: new ServerLog(join(options.folder.logs, 'nats.log')),
      runDir: options.folder.run,
      logger: options.logger,
      keepAlive: options.keepAlive,
    });
    await server.start();
    return {
      url: `nats://127.0.0.1:${port}`,
      ...options.login,
      get pid() {
        return server.pid;
      },
      store: storeOf(server, options),
      stop: () => server.stop(),
    };
  });
}

/** How the file system's error reads in the server's log. */
const FULL_DISK = /no space left on device|disk quota exceeded|There is not enough space on the disk/i;

function storeOf(server: SupervisedServer, { folder, maxStoreBytes = null }: EmbeddedNatsOptions): NatsStore {
  return {
    maxBytes: maxStoreBytes,
    freeBytes: async () => (await diskSpaceAt(folder.nats)).freeBytes,
    hasMetFullDisk: () => server.hasSaid(FULL_DISK),
    restart: (reason) => server.restart(reason),
  };
}

async function refuseTakenPort(port: number | null): Promise<void> {
  if (port === null || (await isLoopbackPortFree(port))) return;
  throw new EmbeddedServerError(
    'nats_start_failed',
    `The embedded NATS server can't listen on port ${port} of 127.0.0.1: another program uses it. Choose another port for it, or stop that program.`,
  );
}

function natsProgram(
  port: number,
  { folder, login, reader, publishers = [], binary, syncAlways, maxStoreBytes, cluster }: EmbeddedNatsOptions,
): ServerProgram {
  const configPath = natsConfigFile(folder);
  return {
    name: 'nats',
    title: 'NATS server',
    port,
    startFailure: 'nats_start_failed',
    startTries: 1,
    endSteps: NATS_END_STEPS,
    probe: () => probeNats(port, login),
    async launch() {
      const maxFileStore = maxStoreBytes ?? (await diskSpaceAt(folder.nats)).sizeBytes;
      const files = { storeDir: folder.nats, pidFile: natsPidFile(folder) };
      const withAccounts = await inServiceAccount(folder.nats, publishers.length > 0);
      const users = usersOf(login, reader);
      const logins = withAccounts
        ? { accounts: accountsOf(users, publishers), authorization: { timeout: LOGIN_TIMEOUT_S } }
        : { authorization: { users } };
      await writePrivateFile(
        configPath,
        natsServerConfig({ port, logins, ...files, maxFileStore, syncAlways, ...membership(cluster, login) }),
      );
      return { command: binary, args: ['--config', configPath], cwd: folder.nats, env: programEnvironment() };
    },
  };
}

function usersOf(login: Login, reader: Login | undefined): object[] {
  return reader === undefined ? [login] : [login, { ...reader, permissions: READER_PERMISSIONS }];
}

/** Who may join is known by the login, too: a port of loopback is open to all users of the machine. */
function membership(cluster: NatsClusterPlace | undefined, { user, password }: Login) {
  if (cluster === undefined) return { serverName: 'llmq-embedded', cluster: {} };
  const { serverName, routePort, routePorts } = cluster;
  const routes = routePorts.map((port) => `nats://${user}:${password}@127.0.0.1:${port}`);
  const authorization = { user, password, timeout: LOGIN_TIMEOUT_S };
  return {
    serverName,
    cluster: { cluster: { name: 'llmq', host: '127.0.0.1', port: routePort, authorization, routes } },
  };
}

interface NatsServerSettings {
  readonly serverName: string;
  /** The section `cluster`, or nothing. */
  readonly cluster: object;
  readonly port: number;
  /** Who may log in, and do what. */
  readonly logins: object;
  readonly storeDir: string;
  readonly pidFile: string;
  /** In bytes. Without it the server would take three quarters of what was free when it started, for as long as it runs. */
  readonly maxFileStore: number;
  /** fsync before every acknowledgement. Off only where a test asks for speed. */
  readonly syncAlways: boolean;
}

/** The text of the server's configuration file. Its format is a superset of JSON, and JSON quotes paths safely. */
function natsServerConfig(settings: NatsServerSettings): string {
  const config = {
    server_name: settings.serverName,
    host: '127.0.0.1',
    port: settings.port,
    pid_file: settings.pidFile,
    max_payload: MAX_PAYLOAD_BYTES,
    ...settings.logins,
    ...settings.cluster,
    jetstream: {
      store_dir: settings.storeDir,
      max_file_store: settings.maxFileStore,
      ...(settings.syncAlways ? { sync_interval: 'always' } : {}),
    },
  };
  return `# Written by llm-message-queue at every start: changes are lost.\n${JSON.stringify(config, null, 2)}\n`;
}

const TIMEOUT_MS = 2_000;

/** Resolves when the server on this loopback port takes the login and its JetStream answers; rejects otherwise. */
export async function probeNats(port: number, login: Login): Promise<void> {
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    user: login.user,
    pass: login.password,
    timeout: TIMEOUT_MS,
    reconnect: false,
    name: 'llmq-supervisor',
  });
  try {
    const manager = await jetstreamManager(connection, { timeout: TIMEOUT_MS, checkAPI: false });
    await manager.getAccountInfo();
  } finally {
    await connection.close();
  }
}
