import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { serviceEnvironment } from '../../../scripts/service-process.policy.js';
import { DEMO_MODELS } from '../../demo-model/demo-models.js';
import { startDemoModel } from '../../demo-model/demo-server.js';
import { ConfigError } from '../../platform/config/config.error.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { startEmbeddedServers } from '../../platform/embedded/embedded-servers.js';
import type { EndStep } from '../../platform/embedded/end-process.js';
import { ServerLog } from '../../platform/embedded/server-log.js';
import { ownLogFile } from '../../platform/logging/own-log-file.policy.js';
import { KeptProcess } from '../../platform/processes/kept-process.js';
import { ServiceProcess } from '../../platform/processes/service-process.js';
import { StopStack } from '../stop-stack.js';
import { type ClusterMember, clusterMembers } from './cluster-members.js';
import { startNatsNodes } from './nats-nodes.js';

/** Beyond the time of its own that a stopping process needs. */
const END_MARGIN_MS = 15_000;
const CUT_LOGS_EVERY_MS = 60_000;
/** As many calls at once as anyone tries out. */
const DEMO_PLACES = 64;

export interface RunningCluster {
  /** For standard output: what runs where. */
  readonly overview: string;
  /** Ends everything, in order. Returns the exit code. */
  stop(): Promise<number>;
}

interface Member extends ClusterMember {
  readonly url: string;
}

/**
 * Starts the whole service as a cluster on this machine: three NATS servers that keep three copies of everything, one
 * PostgreSQL, and processes of each role. Whatever ends by itself is started again. Data and logs are in the folder
 * `cluster` of the data folder.
 *
 * @throws {ConfigError | EmbeddedServerError | Error} then nothing is left running
 */
export async function runCluster(
  config: ServiceConfig,
  env: NodeJS.ProcessEnv,
  logger: Logger,
): Promise<RunningCluster> {
  refuseServersOfOnesOwn(config);
  const dir = join(config.dataDir, 'cluster');
  const stack = new StopStack(logger);
  try {
    // It locks the folder for all of them.
    const embedded = await startEmbeddedServers({
      dataDir: dir,
      logger,
      wantNats: false,
      wantPostgres: true,
    });
    stack.push('PostgreSQL', () => embedded.stop());
    const publishers = config.nats.publishers.flatMap(({ name, nkey }) =>
      nkey === undefined ? [] : [{ name, nkey }],
    );
    const nats = await startNatsNodes({
      dir,
      logger,
      publishers,
      maxStoreBytes: config.nats.max_store_bytes,
    });
    stack.push('the NATS servers', () => nats.stop());
    const shared = serviceEnvironment({
      ...env,
      ...(await demoEndpoint(config, stack)),
      NATS_URL: nats.url,
      NATS_USER: nats.user,
      NATS_PASSWORD: nats.password,
      NATS_REPLICAS: String(nats.nodes.length),
      DATABASE_URL: embedded.databaseUrl!,
    });
    const members = await startMembers(config, { env: shared, logs: join(dir, 'logs'), logger, stack });
    return {
      overview: overviewOf(members, nats.nodes, embedded.databaseUrl!, dir),
      stop: async () => ((await stack.stopAll()).length === 0 ? 0 : 1),
    };
  } catch (error) {
    await stack.stopAll();
    throw error;
  }
}

function refuseServersOfOnesOwn({ nats, database }: ServiceConfig): void {
  const named = [
    ...(nats.url === '' ? [] : ['nats.url (NATS_URL)']),
    ...(database.url === '' ? [] : ['database.url (DATABASE_URL)']),
  ];
  if (named.length === 0) return;
  throw new ConfigError([
    `${named.join(' and ')}: this cluster starts NATS and PostgreSQL of its own. Leave the addresses out, or start the processes yourself with LLMQ_ROLES.`,
  ]);
}

/** One for all processes; else each of them would start its own. */
async function demoEndpoint(config: ServiceConfig, stack: StopStack): Promise<NodeJS.ProcessEnv> {
  const { enabled, port, tokens_per_second: tokensPerSecond } = config.demo;
  if (config.endpoints.length > 0 || !enabled) return {};
  const demo = await startDemoModel({ port, host: '127.0.0.1', tokensPerSecond });
  stack.push('the demo endpoint', () => demo.close());
  const endpoint = { name: 'demo', base_url: demo.url, models: DEMO_MODELS, max_concurrency: DEMO_PLACES };
  return { ENDPOINTS: JSON.stringify([endpoint]) };
}

interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly logs: string;
  readonly logger: Logger;
  readonly stack: StopStack;
}

async function startMembers(config: ServiceConfig, around: Surroundings): Promise<Member[]> {
  const { logs, logger, stack } = around;
  await mkdir(logs, { recursive: true, mode: 0o700 });
  const endSteps: readonly EndStep[] = [
    { signal: 'SIGTERM', waitMs: config.server.shutdown_timeout_ms + END_MARGIN_MS },
    { signal: 'SIGKILL', waitMs: END_MARGIN_MS },
  ];
  const kept: KeptProcess[] = [];
  stack.push('the processes of the service', () => Promise.all(kept.map((each) => each.stop())));
  const start = async (member: ClusterMember): Promise<Member> => {
    const log = new ServerLog(join(logs, `${member.name}.log`));
    const cutting = setInterval(() => void log.cutIfLong().catch(() => undefined), CUT_LOGS_EVERY_MS);
    stack.push(`the log of ${member.name}`, async () => clearInterval(cutting));
    const from = await log.size();
    const launch = () => launchMember(member, around.env, log, config.logging.file);
    const one = new KeptProcess({ name: member.name, logger, endSteps, launch });
    kept.push(one);
    const url = await one.ready;
    if (url !== null) return { ...member, url };
    throw new Error(`${member.name} could not start. Its last words were: ${await log.tail(from)}`);
  };
  const [first, ...others] = clusterMembers(config.server.port, config.server.host);
  // The first makes streams and tables, for which the others would wait.
  return [await start(first!), ...(await Promise.all(others.map(start)))];
}

async function launchMember(
  { name, role, port, host }: ClusterMember,
  shared: NodeJS.ProcessEnv,
  log: ServerLog,
  logFile: string,
): Promise<ServiceProcess> {
  const output = await log.open();
  try {
    const env = {
      ...shared,
      LLMQ_ROLES: role,
      SERVER_HOST: host ?? '127.0.0.1',
      SERVER_PORT: String(port),
      ...(logFile === '' ? {} : { LOGGING_FILE: ownLogFile(logFile, name) }),
    };
    return ServiceProcess.start({ id: name, env, output: output.fd });
  } finally {
    await output.close();
  }
}

function overviewOf(
  members: readonly Member[],
  nodes: readonly { readonly name: string; readonly url: string }[],
  databaseUrl: string,
  dir: string,
): string {
  const { hostname, port, pathname } = new URL(databaseUrl);
  const lines: [string, string][] = [
    ...members.map(({ name, url }): [string, string] => [name, url]),
    ...nodes.map(({ name, url }): [string, string] => [name, url]),
    ['postgres', `postgres://${hostname}:${port}${pathname}`],
    ['logs', join(dir, 'logs')],
  ];
  return [
    `llm-message-queue cluster ready at ${members[0]!.url}`,
    ...lines.map(([name, place]) => `  ${name.padEnd(14)}${place}`),
    'Ctrl-C ends it.',
    '',
  ].join('\n');
}
