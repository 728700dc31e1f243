import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { devNull } from 'node:os';
import { join, resolve } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { holdToDescription } from './described-fetch.js';
import { endEmbeddedServers, runningServers } from './embedded-processes.js';
import { giveCluster } from './prepared-cluster.js';
import { reapWithThisProcess } from './reaper.js';
import { makeTempDir, removeTempDir } from './temp-dir.js';

const PROJECT = resolve(import.meta.dirname, '../..');
const STOPS_WITHIN_MS = 150_000;
const READY = /^llm-message-queue ready at (http:\/\/\S+)/m;

export interface ServiceOptions {
  /** Over the test's own environment, from which everything that configures a service is taken out. */
  readonly env?: NodeJS.ProcessEnv;
  /** A folder to keep over several starts; the caller removes it. Without it, one for this start alone. */
  readonly dataDir?: string;
  /** Becomes `config.yaml`. */
  readonly config?: Record<string, unknown>;
  /** Default 120 s: the first start sets up a database, on a machine that does much else. */
  readonly readyWithinMs?: number;
  /** The built service. Default `dist/main.js`. */
  readonly entry?: string;
  /** A program that runs the command behind it, in the same process: `setpriv --reuid 12345`, for instance. */
  readonly through?: readonly string[];
  /** Sets up a database of its own, as a user's first start does. */
  readonly ownCluster?: boolean;
}

export interface ServiceExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningService {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly baseUrl: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly exited: Promise<ServiceExit>;
  /**
   * Sends the signal to the service alone and waits for its end. After SIGKILL its embedded servers run on, as they would
   * in production: the next start over the same `dataDir` finds them, or `stop` ends them.
   */
  kill(signal?: NodeJS.Signals): Promise<ServiceExit>;
  /**
   * Ends the service with SIGTERM, makes sure that neither it nor its embedded servers are left, and removes the data
   * folder where it was not the caller's.
   * @throws {Error} when SIGTERM did not end it in time, or it ended without its servers
   */
  stop(): Promise<void>;
  /** Everything that it wrote to standard output and error until now. */
  logs(): string;
}

/**
 * Starts the built service as a child process and waits for its ready line.
 * @throws {Error} with everything that it wrote, when it ends or stays silent instead
 */
export async function startService(options: ServiceOptions = {}): Promise<RunningService> {
  const entry = options.entry ?? join(PROJECT, 'dist/main.js');
  await access(entry).catch(() => {
    throw new Error(`There is no ${entry}: build the service before these tests ("npm test" does).`);
  });
  const dataDir = options.dataDir ?? (await makeTempDir('llmq-service'));
  if (options.env?.['DATABASE_URL'] === undefined && !options.ownCluster) await giveCluster(dataDir);
  const [program, ...args] = [...(options.through ?? []), process.execPath, entry];
  const child = spawn(program!, args, {
    cwd: PROJECT,
    env: await serviceEnv(dataDir, options),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const service = observe(child);
  const removeDataDir = options.dataDir === undefined;
  const release = reapWithThisProcess({ dataDir, ownerPid: child.pid, removeDataDir });
  const cleanUp = async () => {
    await endEmbeddedServers(dataDir);
    if (removeDataDir) await removeTempDir(dataDir);
    release();
  };
  try {
    const baseUrl = await service.ready(options.readyWithinMs ?? 240_000);
    if (options.entry === undefined) holdToDescription(baseUrl);
    return running(child, service, { baseUrl, dataDir, cleanUp });
  } catch (error) {
    child.kill('SIGKILL');
    await service.exited;
    await cleanUp();
    throw error;
  }
}

async function serviceEnv(dataDir: string, { env, config }: ServiceOptions): Promise<NodeJS.ProcessEnv> {
  const settings =
    /^(SERVER|DATABASE|DB|NATS|QUEUE|BATCHES|CONVERSATION|LOADBALANCER|ENDPOINTS|DEMO|PROJECTION|LOGGING|METRICS|SCHEDULER|SECURITY|WEBHOOKS|TRACING|OTEL|LLMQ)_/;
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      name === 'NATS_SERVER_BIN' || !(settings.test(name) || ['NODE_OPTIONS', 'NODE_ENV'].includes(name)),
  );
  const configPath = join(dataDir, 'test-config.yaml');
  if (config !== undefined) {
    await mkdir(dataDir, { recursive: true });
    await writeFile(configPath, stringify(config));
  }
  return {
    ...Object.fromEntries(kept),
    SERVER_PORT: '0',
    LLMQ_DATA_DIR: dataDir,
    // Never the config.yaml of whoever works on the project.
    LLMQ_CONFIG: config === undefined ? devNull : configPath,
    // However loaded the machine is, what was written is read, unless a test is about that.
    ...(config?.['projection'] === undefined && { PROJECTION_READ_WAIT_MS: '10000' }),
    ...env,
  };
}

function observe(child: ChildProcess) {
  let output = '';
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  let exit: ServiceExit | null = null;
  const exited = new Promise<ServiceExit>((settle) => {
    child.once('exit', async (code, signal) => {
      exit = { code, signal };
      // The last output may come after the exit; a grandchild that holds the pipe open must not keep us.
      await Promise.race([once(child, 'close'), sleep(1_000, null, { ref: false })]);
      // Where this process stood still for so long, what was written is only read now.
      await nextTurn();
      settle(exit);
    });
  });
  async function ready(withinMs: number): Promise<string> {
    const deadline = Date.now() + withinMs;
    while (exit === null && Date.now() < deadline) {
      const baseUrl = READY.exec(stdout)?.[1];
      if (baseUrl !== undefined) return baseUrl.replace(/\/$/, '');
      await sleep(20);
    }
    const what = exit === null ? `was not ready within ${withinMs} ms` : `ended: ${JSON.stringify(exit)}`;
    throw new Error(`The service ${what}. It wrote:\n${output}`);
  }
  return { exited, ready, logs: () => output };
}

function running(
  child: ChildProcess,
  { exited, logs }: ReturnType<typeof observe>,
  { baseUrl, dataDir, cleanUp }: { baseUrl: string; dataDir: string; cleanUp: () => Promise<void> },
): RunningService {
  return {
    ...{ baseUrl, dataDir, exited, logs, pid: child.pid as number },
    kill(signal = 'SIGKILL') {
      child.kill(signal);
      return exited;
    },
    async stop() {
      child.kill('SIGTERM');
      const inTime = await Promise.race([
        exited.then(() => true),
        sleep(STOPS_WITHIN_MS, false, { ref: false }),
      ]);
      if (!inTime) child.kill('SIGKILL');
      const { signal } = await exited;
      const left = signal === 'SIGKILL' ? [] : await runningServers(dataDir);
      await cleanUp();
      if (!inTime)
        throw new Error(
          `The service did not end within ${STOPS_WITHIN_MS} ms of SIGTERM. It wrote:\n${logs()}`,
        );
      if (left.length > 0)
        throw new Error(`The service ended and left ${left} running. It wrote:\n${logs()}`);
    },
  };
}
