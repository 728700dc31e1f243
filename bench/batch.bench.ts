import { Client } from 'undici';
import { startServiceChild } from './child.js';
import { type Figure, ratioOf } from './figure.js';
import { startBenchServers } from './servers.js';

const MESSAGES = 1_000;
const MESSAGE = { user_id: 'bench', content: 'x'.repeat(500), priority: 'normal' };
const HEADERS = { 'content-type': 'application/json' };

/** 1,000 messages as one batch against 1,000 requests one after the other, each on one connection and durable. */
export async function benchBatch(): Promise<Figure> {
  const servers = await startBenchServers();
  const ours = await startServiceChild({ ...servers.env, LLMQ_ROLES: 'api' });
  const client = new Client(ours.matched);
  try {
    await perSecond(() => batch(client));
    return await ratioOf(
      `${MESSAGES} messages as one batch, against ${MESSAGES} requests on one connection`,
      5,
      3,
      () => perSecond(() => batch(client)),
      () => perSecond(() => singles(client)),
    );
  } finally {
    await client.close();
    await ours.stop();
    await servers.stop();
  }
}

async function perSecond(submit: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await submit();
  return (MESSAGES * 1_000) / (performance.now() - started);
}

async function singles(client: Client): Promise<void> {
  for (let sent = 0; sent < MESSAGES; sent += 1) await post(client, '/api/v1/messages', MESSAGE, 202);
}

async function batch(client: Client): Promise<void> {
  const messages = Array.from({ length: MESSAGES }, () => MESSAGE);
  const { accepted } = (await post(client, '/api/v1/messages/batch', { messages }, 200)) as {
    accepted: number;
  };
  if (accepted !== MESSAGES) throw new Error(`${accepted} of ${MESSAGES} messages were accepted`);
}

async function post(client: Client, path: string, body: object, status: number): Promise<unknown> {
  const answer = await client.request({ method: 'POST', path, headers: HEADERS, body: JSON.stringify(body) });
  const json = await answer.body.json();
  if (answer.statusCode !== status) throw new Error(`${path}: ${answer.statusCode} ${JSON.stringify(json)}`);
  return json;
}
