import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import type { Actuator } from '../../src/scheduler/actuators/actuator.port.js';
import { kubernetesActuator } from '../../src/scheduler/actuators/kubernetes/kubernetes-actuator.js';
import { machineTool } from '../support/machine-tool.js';
import { silentLogger } from '../support/silent-logger.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const PATH = '/apis/apps/v1/namespaces/llmq/deployments/llmq-worker/scale';
const TOKEN = 'of-the-service-account';

/** What an API server does with the scale of one Deployment. */
interface FakeApi {
  readonly url: string;
  readonly seen: string[];
  replicas: number;
  version: number;
  /** Answered to the next requests in place of what they ask for. */
  refusals: number[];
  /** Somebody else changes the scale after so many reads. */
  interferes: number;
  close(): Promise<void>;
}

async function startFakeApi(tls?: { key: Buffer; cert: Buffer }): Promise<FakeApi> {
  const listener = (request: IncomingMessage, response: ServerResponse) => void answer(request, response);
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  const api: FakeApi = {
    ...{ url: '', seen: [], replicas: 0, version: 1, refusals: [], interferes: 0 },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const send = (response: ServerResponse, code: number, body: unknown) =>
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const scale = () => ({
    ...{ apiVersion: 'autoscaling/v1', kind: 'Scale' },
    metadata: { name: 'llmq-worker', namespace: 'llmq', resourceVersion: String(api.version) },
    // As the API server does: a number that is zero is left out.
    spec: api.replicas === 0 ? {} : { replicas: api.replicas },
    status: { replicas: api.replicas, selector: 'app=llmq-worker' },
  });
  const failure = (code: number) => ({ apiVersion: 'v1', kind: 'Status', status: 'Failure', code });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part;
    api.seen.push(`${request.method} ${request.url}`);
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return void send(response, 401, failure(401));
    const refusal = api.refusals.shift();
    if (refusal !== undefined) return void send(response, refusal, failure(refusal));
    if (request.url !== PATH) return void send(response, 404, failure(404));
    if (request.method === 'GET') {
      send(response, 200, scale());
      if (api.interferes > 0) api.version += 1;
      api.interferes -= 1;
      return;
    }
    if (request.method !== 'PUT') return void send(response, 405, failure(405));
    const body = JSON.parse(text);
    if (body.metadata.resourceVersion !== String(api.version)) return void send(response, 409, failure(409));
    api.replicas = body.spec.replicas;
    api.version += 1;
    send(response, 200, scale());
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(api, {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
}

let api: FakeApi;
let dir: string;
let nowMs: number;
let workers: { count: number };
let heard: (term: number) => void;
let actuator: Actuator;

beforeEach(async () => {
  api = await startFakeApi();
  dir = await makeTempDir('llmq-kubernetes');
  nowMs = 0;
  workers = { count: 0 };
});
afterEach(async () => {
  await actuator?.close();
  await api.close();
  await removeTempDir(dir);
});

const partsOf = () => ({
  ...{ workers, sources: { steadyMs: () => nowMs }, logger: silentLogger },
  orders: {
    tell: () => undefined,
    listen: (listener: (term: number) => void) => {
      heard = listener;
      return () => undefined;
    },
  },
});
const SETTINGS = { deployment: 'llmq-worker', namespace: '', slotsPerWorker: 4, startDelayMs: 60_000 };

async function start(deployment = 'llmq-worker'): Promise<void> {
  const kubeconfig = join(dir, 'config');
  const cluster = { name: 'c', cluster: { server: api.url, 'insecure-skip-tls-verify': true } };
  await writeFile(
    kubeconfig,
    stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'here', clusters: [cluster] },
      users: [{ name: 'u', user: { token: TOKEN } }],
      contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', namespace: 'llmq' } }],
    }),
  );
  actuator = await kubernetesActuator(partsOf(), { ...SETTINGS, deployment, kubeconfig });
}

const order = (slots: number, term = 1) => actuator.scale({ slots, term, reason: 'told to' });

describe('the scale of a Deployment', () => {
  it('is ordered in replicas, read in slots, and asked for nothing but its scale', async () => {
    await start();
    expect(await actuator.slots()).toBe(0);
    await order(9);
    expect(api.replicas).toBe(3);
    expect(await actuator.slots()).toBe(12);
    await order(9);
    await order(0);
    expect(api.replicas).toBe(0);
    expect(await actuator.slots()).toBe(0);
    expect(new Set(api.seen)).toEqual(new Set([`GET ${PATH}`, `PUT ${PATH}`]));
    // The size that is there already is not written again.
    expect(api.seen.filter((each) => each.startsWith('PUT'))).toHaveLength(2);
  });

  it('is read again where somebody else changed it meanwhile', async () => {
    await start();
    api.interferes = 2;
    await order(8);
    expect(api.replicas).toBe(2);
    expect(api.seen).toHaveLength(6);
  });

  it('is not known while the server does not answer for it', async () => {
    await start();
    api.refusals = [500];
    expect(await actuator.slots()).toBeNull();
    expect(await actuator.slots()).toBe(0);
    api.refusals = [503];
    await expect(order(4)).rejects.toMatchObject({ code: 'kubernetes_failed' });
    expect(api.replicas).toBe(0);
  });

  it('names the rights, or the setting, that are wrong', async () => {
    await start();
    api.refusals = [403];
    await expect(order(4)).rejects.toThrow(/get and update on deployments\/scale/);
    await actuator.close();
    await start('another');
    await expect(order(4)).rejects.toThrow(/another in the namespace llmq is not there/);
  });

  it('is not ordered by an older term, whoever gave the newer order', async () => {
    await start();
    await order(8, 3);
    await expect(order(4, 2)).rejects.toMatchObject({ code: 'old_term' });
    heard(7);
    await expect(order(4, 6)).rejects.toMatchObject({ code: 'old_term' });
    expect(api.replicas).toBe(2);
    await order(4, 7);
    expect(api.replicas).toBe(1);
  });

  it('tells how long workers took to come', async () => {
    await start();
    workers.count = 1;
    expect(actuator.startDelayMs).toBe(60_000);
    await order(8);
    nowMs = 30_000;
    workers.count = 2;
    await actuator.slots();
    expect(actuator.startDelayMs).toBe(60_000);
    nowMs = 42_000;
    workers.count = 3;
    await actuator.slots();
    expect(actuator.startDelayMs).toBe(42_000);
  });
});

/** What a pod finds of its service account, below a folder. */
async function serviceAccount(): Promise<string> {
  const folder = join(dir, 'var/run/secrets/kubernetes.io/serviceaccount');
  await mkdir(folder, { recursive: true });
  const [key, cert] = [join(dir, 'key.pem'), join(folder, 'ca.crt')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', ...made, ...subject], { stdio: 'ignore' });
  await writeFile(join(folder, 'token'), TOKEN);
  await writeFile(join(folder, 'namespace'), 'llmq');
  return folder;
}

(machineTool('openssl') === null ? it.skip : it)(
  'is scaled from inside of the cluster with the token, the namespace and the certificate of the pod',
  async () => {
    const folder = await serviceAccount();
    const tls = {
      key: await readFile(join(dir, 'key.pem')),
      cert: await readFile(join(folder, 'ca.crt')),
    };
    const inside = await startFakeApi(tls);
    process.env['KUBERNETES_SERVICE_HOST'] = '127.0.0.1';
    process.env['KUBERNETES_SERVICE_PORT'] = new URL(inside.url).port;
    try {
      actuator = await kubernetesActuator(partsOf(), { ...SETTINGS, kubeconfig: '', root: dir });
      await order(8);
      expect(inside.replicas).toBe(2);
      expect(await actuator.slots()).toBe(8);
    } finally {
      delete process.env['KUBERNETES_SERVICE_HOST'];
      delete process.env['KUBERNETES_SERVICE_PORT'];
      await inside.close();
    }
  },
);

it('says what to do where there is no pod and no usable kubeconfig', async () => {
  await expect(kubernetesActuator(partsOf(), { ...SETTINGS, kubeconfig: '', root: dir })).rejects.toThrow(
    /scheduler\.kubernetes\.kubeconfig/,
  );
  await expect(
    kubernetesActuator(partsOf(), { ...SETTINGS, kubeconfig: join(dir, 'missing') }),
  ).rejects.toThrow(/missing can't be used/);
});
