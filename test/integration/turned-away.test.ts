import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OpenAiEndpoint } from '../../src/dispatch/endpoints/openai/openai-endpoint.js';
import { eventually } from '../support/eventually.js';
import { Rig } from './dispatcher.rig.js';

let rig: Rig;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  rig = await Rig.start();
});
afterEach(async () => {
  await rig.stopWorkers();
  for (const close of closing.splice(0)) await close();
});
afterAll(() => rig?.stop());

/** A server that refuses some questions, by their words alone, and answers the others at once. */
class PickyModel {
  readonly asked: string[] = [];
  refuses: (question: string) => number | null = () => null;
  private readonly server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request.setEncoding('utf8')) text += part;
    const { messages, model } = JSON.parse(text) as { messages: { content: string }[]; model: string };
    const question = messages.at(-1)!.content;
    this.asked.push(question);
    response.setHeader('content-type', 'application/json');
    const status = this.refuses(question);
    if (status !== null) {
      response.writeHead(status).end(JSON.stringify({ error: { message: 'Not this one.' } }));
      return;
    }
    const choices = [
      { index: 0, message: { role: 'assistant', content: `re: ${question}` }, finish_reason: 'stop' },
    ];
    response.end(JSON.stringify({ id: '1', object: 'chat.completion', model, choices }));
  });

  async start(): Promise<OpenAiEndpoint> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    closing.push(async () => {
      this.server.closeAllConnections();
      await new Promise((resolve) => this.server.close(resolve));
    });
    const { port } = this.server.address() as AddressInfo;
    return new OpenAiEndpoint({
      ...{ name: 'picky', baseUrl: `http://127.0.0.1:${port}/v1`, models: ['model'], maxConcurrency: 1 },
      ...{ apiKey: null, connectTimeoutMs: 60_000, firstTokenTimeoutMs: 60_000 },
    });
  }
}

async function submitted(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) ids.push(await rig.submit('normal', { content: `sound ${at}` }));
  return ids;
}

function ended(ids: readonly string[]): number {
  return ids.filter((id) => rig.folded.historyOf(id).includes('completed')).length;
}

it('a request that its server refuses to serve holds up nothing, and ends as a dead letter', async () => {
  const model = new PickyModel();
  model.refuses = (question) => (question.includes('poison') ? 503 : null);
  const endpoint = await model.start();
  const poison = await rig.submit('normal', { content: 'poison', max_retries: 1 });
  const ids = await submitted(20);
  await rig.startRelay();
  const { worker } = await rig.startWorker({ endpoints: [endpoint] });
  await eventually(() => expect(ended(ids)).toBe(20));
  // It needs others that are answered, to be told from a request to a server that is down.
  const later: string[] = [];
  await eventually(
    async () => {
      later.push(...(await submitted(1)));
      expect(rig.folded.historyOf(poison).at(-1)).toBe('dead-lettered');
    },
    { withinMs: 200_000, everyMs: 250 },
  );
  expect(await rig.folded.state(poison)).toMatchObject({
    status: 'failed',
    attempts: 2,
    error: { status: 503, retryable: true },
  });
  await eventually(() => expect(ended(later)).toBe(later.length));
  await eventually(() =>
    expect(worker.status.counters).toMatchObject({ failedAttempts: 2, retried: 1, deadLettered: 1 }),
  );
  await rig.lanesEmpty();
});

it('a server that is down costs no message an attempt, however often it is tried', async () => {
  const model = new PickyModel();
  model.refuses = () => 503;
  const endpoint = await model.start();
  const ids = await submitted(5);
  const { worker } = await rig.startWorker({ endpoints: [endpoint] });
  await eventually(() => expect(model.asked.length).toBeGreaterThanOrEqual(6));
  // Not the same one each time.
  expect(new Set(model.asked).size).toBeGreaterThan(1);
  model.refuses = () => null;
  await eventually(() => expect(ended(ids)).toBe(5));
  expect(worker.status.counters.failedAttempts).toBe(0);
  for (const id of ids) {
    expect(await rig.folded.state(id)).toMatchObject({ status: 'completed', attempts: 1 });
  }
  await rig.lanesEmpty();
});

it('a request that is refused as beyond a limit holds up nothing either', async () => {
  const model = new PickyModel();
  model.refuses = (question) => (question.includes('poison') ? 429 : null);
  const { worker } = await rig.startWorker({ endpoints: [await model.start()] });
  // An endpoint that has answered nobody yet is asked once in a minute, whoever waits.
  const before = await submitted(20);
  await eventually(() => expect(ended(before)).toBe(20));
  await rig.submit('normal', { content: 'poison' });
  const ids = await submitted(20);
  await eventually(() => expect(ended(ids)).toBe(20));
  expect(worker.status.counters.failedAttempts).toBe(0);
});
