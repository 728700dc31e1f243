import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { endCluster, type StartedCluster, startCluster } from '../support/cluster.js';
import { embeddedServerPid, processFamily } from '../support/embedded-processes.js';
import { eventually } from '../support/eventually.js';
import { isAlive, supervisedBelow } from '../support/service-processes.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const LONG = { withinMs: 120_000, everyMs: 250 };

let dataDir: string;
let cluster: StartedCluster | null;

beforeEach(async () => {
  dataDir = await makeTempDir('llmq-start-cluster');
  cluster = null;
});
afterEach(async () => {
  if (cluster !== null) await endCluster(cluster, dataDir);
  await removeTempDir(dataDir);
}, 300_000);

const at = (name: string) => cluster!.places.get(name)!;

/** Answered by the second process, whichever accepted it. */
async function answered(count: number): Promise<void> {
  const ids = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      // As any client, it tries again where it is told to.
      return eventually(async () => {
        const response = await fetch(`${at(index % 2 === 0 ? 'api-1' : 'api-2')}/api/v1/messages`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ user_id: 'u', content: `Hello ${index}. [[demo:rate 0]]` }),
        });
        expect(response.status).toBe(202);
        return ((await response.json()) as { id: string }).id;
      }, LONG);
    }),
  );
  for (const id of ids) {
    await eventually(async () => {
      const response = await fetch(`${at('api-2')}/api/v1/messages/${id}?wait=10s`);
      expect(await response.json()).toMatchObject({ status: 'completed' });
    }, LONG);
  }
}

async function copies(): Promise<Map<string, number>> {
  const { user, password } = cluster!.login;
  const connection = await connect({ servers: at('nats-1'), user, pass: password });
  try {
    const found = new Map<string, number>();
    for await (const { config } of (await jetstreamManager(connection)).streams.list())
      found.set(config.name, config.num_replicas);
    return found;
  } finally {
    await connection.close();
  }
}

it('serves over the death of a NATS server and of a worker, starts both again, and leaves nothing behind', async () => {
  cluster = await startCluster(dataDir);
  const { pid } = cluster;
  const members = await supervisedBelow(pid);
  const names = [...cluster.places.keys()].filter((name) => /^(api|worker|projector|scheduler)-/.test(name));
  expect([...members.keys()].sort()).toEqual(names.sort());
  expect(names).toEqual(expect.arrayContaining(['api-2', 'worker-3', 'projector-2']));
  await eventually(async () => expect(new Set((await copies()).values())).toEqual(new Set([3])), LONG);
  await answered(30);

  const node = join(dataDir, 'cluster/nats-2');
  const nodePid = await embeddedServerPid(node, 'nats');
  process.kill(nodePid!, 'SIGKILL');
  process.kill(members.get('worker-1')!, 'SIGKILL');
  await answered(30);
  await eventually(async () => {
    expect(await embeddedServerPid(node, 'nats')).not.toBe(nodePid);
    expect((await supervisedBelow(pid)).get('worker-1')).not.toBe(members.get('worker-1'));
    expect((await supervisedBelow(pid)).size).toBe(names.length);
  }, LONG);
  expect(cluster.logs()).toMatch(/worker-1 \(process \d+\) ended with SIGKILL. It is started again/);
  await answered(30);

  const all = await processFamily(pid);
  expect(await cluster.end('SIGINT')).toBe(0);
  expect(all.filter(isAlive)).toEqual([]);
  cluster = null;
}, 600_000);

it('goes on with its data after its own process was killed, whose processes end without it', async () => {
  cluster = await startCluster(dataDir);
  await answered(2);
  const members = [...(await supervisedBelow(cluster.pid)).values()];
  await cluster.end('SIGKILL');
  await eventually(() => expect(members.filter(isAlive)).toEqual([]), LONG);
  cluster = await startCluster(dataDir);
  await answered(2);
  expect(await cluster.end('SIGTERM')).toBe(0);
  cluster = null;
}, 600_000);

it('says so where servers are named', async () => {
  const env = { NATS_URL: 'nats://127.0.0.1:1' };
  await expect(startCluster(dataDir, env)).rejects.toThrow(
    /nats\.url \(NATS_URL\): this cluster starts NATS/,
  );
}, 300_000);
