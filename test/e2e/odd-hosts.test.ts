import { chmod, chown, copyFile, mkdir, rm } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { natsServerPath } from '../../src/platform/embedded/nats-server-path.js';
import { embeddedServerPid } from '../support/embedded-processes.js';
import { eventually } from '../support/eventually.js';
import { machineTool } from '../support/machine-tool.js';
import { type RunningService, startService } from '../support/service.js';
import { silentLogger } from '../support/silent-logger.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const NAMELESS = 12_345;
/** Also where the disk is busy with what others wrote: PostgreSQL writes out all that it has. */
const STOPS_WITHIN_MS = 120_000;

const asRoot = process.getuid?.() === 0 && machineTool('setpriv') !== null ? it : it.skip;
const withLimits = machineTool('prlimit') !== null ? it : it.skip;
const withIpv6 = Object.values(networkInterfaces()).some((each) =>
  each?.some(({ address }) => address === '::1'),
)
  ? it
  : it.skip;

let dataDir: string;
let service: RunningService | null = null;
beforeEach(async () => {
  dataDir = await makeTempDir('llmq-odd');
});
afterEach(async () => {
  await service?.stop();
  service = null;
  await removeTempDir(dataDir);
});

async function answerTo(content: string): Promise<unknown> {
  const response = await fetch(`${service!.baseUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'demo', messages: [{ role: 'user', content }] }),
  });
  const body = (await response.json()) as { choices?: { message: { content: string } }[] };
  expect([response.status, body.choices?.length]).toEqual([200, 1]);
  return body;
}

async function stopsInTime(): Promise<void> {
  const begunAt = performance.now();
  const exit = await service!.kill('SIGTERM');
  expect(exit).toEqual({ code: 0, signal: null });
  expect(performance.now() - begunAt).toBeLessThan(STOPS_WITHIN_MS);
}

asRoot(
  'runs as a user without a name and without a home',
  async () => {
    await chown(dataDir, NAMELESS, NAMELESS);
    const programs = join(dataDir, 'programs');
    await mkdir(programs, { mode: 0o755 });
    const nats = join(programs, 'nats-server');
    await copyFile(await natsServerPath(silentLogger), nats);
    await chmod(nats, 0o755);
    const uid = String(NAMELESS);
    service = await startService({
      ...{ dataDir, ownCluster: true },
      through: ['setpriv', '--reuid', uid, '--regid', uid, '--clear-groups'],
      env: { NATS_SERVER_BIN: nats, HOME: undefined, USER: undefined, LOGNAME: undefined },
    });
    await answerTo('Who am I?');
    await stopsInTime();
  },
  600_000,
);

withLimits(
  'tells that too few files may be open, before anything fails for it',
  async () => {
    const few = startService({ dataDir, through: ['prlimit', '--nofile=64:64'] });
    const error = await few.catch(({ message }: Error) => message);
    expect(error).toContain("llm-message-queue can't start: a process of this user may have 64 files open");
    expect(error).not.toContain('Cannot find package');
  },
  600_000,
);

withLimits(
  'works with few open files, and warns of them',
  async () => {
    service = await startService({ dataDir, through: ['prlimit', '--nofile=768:768'] });
    await eventually(() => expect(service!.logs()).toContain('may have 768 files open at once'));
    await answerTo('How many?');
    await stopsInTime();
  },
  600_000,
);

withIpv6(
  'is greeted at the address of IPv6 that it listens on',
  async () => {
    service = await startService({ dataDir, env: { SERVER_HOST: '::1' } });
    expect(service.baseUrl).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await fetch(`${service.baseUrl}/health/live`)).status).toBe(200);
    await stopsInTime();
  },
  600_000,
);

it('goes on when its folder of records is lost while it runs', async () => {
  service = await startService({ dataDir });
  const nats = await embeddedServerPid(dataDir, 'nats');
  await rm(join(dataDir, 'run'), { recursive: true });
  process.kill(nats!, 'SIGKILL');
  await eventually(async () => expect(await embeddedServerPid(dataDir, 'nats')).not.toBeNull());
  await eventually(() => answerTo('Still there?'), { withinMs: 60_000, everyMs: 500 });
  await stopsInTime();
}, 600_000);

it('says that a database without its control file is rebuilt from the log, and rebuilds it', async () => {
  service = await startService({ dataDir });
  const { id } = (await (
    await fetch(`${service.baseUrl}/api/v1/messages?wait=60`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user_id: 'ann', content: 'Keep this.' }),
    })
  ).json()) as { id: string };
  await stopsInTime();
  await rm(join(dataDir, 'postgres', 'global', 'pg_control'));
  const failed = await startService({ dataDir }).catch(({ message }: Error) => message);
  expect(failed).toContain(`remove the folder ${join(dataDir, 'postgres')}`);

  await rm(join(dataDir, 'postgres'), { recursive: true });
  service = await startService({ dataDir, ownCluster: true });
  const read = await eventually(async () => {
    const response = await fetch(`${service!.baseUrl}/api/v1/messages/${id}`);
    expect(response.status).toBe(200);
    return response.json();
  });
  expect(read).toMatchObject({ id, content: 'Keep this.' });
  await stopsInTime();
}, 600_000);
