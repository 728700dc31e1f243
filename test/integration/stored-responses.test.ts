import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Objm } from '@nats-io/obj';
import OpenAI from 'openai';
import { CHUNKS_STREAM, PARTS_BUCKET } from '../../src/broker/streams.js';
import { ANSWER_LISTENER, type AnswerListener } from '../../src/dispatch/answers/answers.port.js';
import type { MessageReceived } from '../../src/domain/message/message.events.js';
import { eventually } from '../support/eventually.js';
import { jetstream, jetstreamManager } from '../support/jetstream.js';
import {
  connectTo,
  type Gateway,
  MODEL,
  request,
  type Servers,
  startGateway,
  startServers,
} from './gateway.rig.js';

type Event = OpenAI.Responses.ResponseStreamEvent;

let servers: Servers;
let gateway: Gateway;
/** Another process of the same service. */
let other: Gateway;
let client: OpenAI;
let otherClient: OpenAI;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers, {
    conversation: { sweep_interval_ms: 100 },
    queue: { large_part_bytes: 16_384 },
  });
  other = await startGateway(servers, {}, { roles: ['api'] });
  const clientOf = ({ baseUrl }: Gateway) =>
    new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
  client = clientOf(gateway);
  otherClient = clientOf(other);
});
afterAll(async () => {
  await other?.close();
  await gateway?.close();
  await servers?.stop();
});

const question = { model: MODEL, input: 'Hi' };
const PIECES = ['One', ' two', ' three', ' four', ' five'];
const WHOLE = PIECES.join('');

async function begin<T>(ask: () => Promise<T>): Promise<{ answer: Promise<T>; message: MessageReceived }> {
  const before = await gateway.log.lastSequence();
  const answer = ask();
  answer.catch(() => undefined);
  return { answer, message: await gateway.worker.received(before) };
}

const idOf = ({ subject }: MessageReceived) => `resp_${subject}`;

function speak({ subject }: MessageReceived, from = 0, to = PIECES.length): void {
  for (let at = from; at < to; at += 1) gateway.worker.piece(subject, at + 1, { content: PIECES[at] });
}

async function eventsOf(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

async function events(from: OpenAI, id: string, after?: number): Promise<Event[]> {
  return eventsOf(await from.responses.retrieve(id, { stream: true, starting_after: after }));
}

function textIn(events: readonly Event[]): string {
  return events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');
}

/** A streamed response, whole, with all that its client was sent. */
async function streamed(): Promise<{ id: string; told: Event[] }> {
  const { answer, message } = await begin(() => client.responses.create({ ...question, stream: true }));
  speak(message);
  await gateway.worker.complete(message, { content: WHOLE });
  const told = await eventsOf(await answer);
  // The broker keeps pieces a moment after listeners get them: who comes before is told the rest in one.
  const listener = other.part<AnswerListener>(ANSWER_LISTENER as never);
  await eventually(async () =>
    expect((await listener.history(message.subject)).at(-1)?.seq).toBe(PIECES.length),
  );
  return { id: idOf(message), told };
}

describe('a response in the background', () => {
  it('is answered at once, and read when it is there', async () => {
    const { answer, message } = await begin(() => client.responses.create({ ...question, background: true }));
    const id = idOf(message);
    expect(await answer).toMatchObject({ id, status: 'queued', background: true, output: [] });
    expect(await client.responses.retrieve(id)).toMatchObject({ id, status: 'queued' });
    await gateway.worker.complete(message, { content: 'Hello' });
    const ended = await eventually(async () => {
      const read = await otherClient.responses.retrieve(id);
      expect(read.status).toBe('completed');
      return read;
    });
    expect(ended).toMatchObject({ output_text: 'Hello', usage: { input_tokens: 3 }, background: true });
  });

  it('ends though its client left at the first event, and is streamed to whoever comes back', async () => {
    const { answer, message } = await begin(() =>
      client.responses.create({ ...question, background: true, stream: true }),
    );
    const id = idOf(message);
    for await (const event of await answer) {
      expect(event).toMatchObject({ type: 'response.created', response: { id, status: 'queued' } });
      break;
    }
    speak(message, 0, 2);
    const joined = events(otherClient, id, 0);
    speak(message, 2);
    await gateway.worker.complete(message, { content: WHOLE });
    const told = await joined;
    expect(told.map(({ sequence_number }) => sequence_number)).toEqual(told.map((_, at) => at + 1));
    expect(textIn(told)).toBe(WHOLE);
    expect(told.at(-1)).toMatchObject({ type: 'response.completed', response: { status: 'completed' } });
  });

  it('is cancelled, twice with the same answer, and only then', async () => {
    const { answer, message } = await begin(() => client.responses.create({ ...question, background: true }));
    const { id } = await answer;
    expect(await client.responses.cancel(id)).toMatchObject({ id, status: 'cancelled' });
    expect(await client.responses.cancel(id)).toMatchObject({ id, status: 'cancelled' });
    expect((await events(client, id)).at(-1)).toMatchObject({
      ...{ type: 'response.failed', response: { id: idOf(message), status: 'cancelled' } },
    });
    const { id: waited } = await streamed();
    await expect(client.responses.cancel(waited)).rejects.toMatchObject({
      ...{ status: 400, param: 'response_id' },
    });
  });

  it('tells why it failed', async () => {
    const { answer, message } = await begin(() => client.responses.create({ ...question, background: true }));
    const { id } = await answer;
    const error = { code: 'endpoint_failed', message: 'It is broken.', retryable: true, status: 500 };
    await gateway.worker.deadLetter(message, error);
    await eventually(async () => {
      expect(await client.responses.retrieve(id)).toMatchObject({
        ...{ status: 'failed', error: { code: 'endpoint_failed', message: 'It is broken.' } },
      });
    });
  });
});

describe('a stream that was cut', () => {
  it('goes on behind every event, on another process', async () => {
    const { id, told } = await streamed();
    expect(await events(otherClient, id)).toEqual(told);
    for (const { sequence_number: last } of told) {
      expect(await events(otherClient, id, last)).toEqual(told.slice(last + 1));
    }
  });

  it('goes on while the answer comes, wherever it was cut', async () => {
    for (let cut = 0; cut <= PIECES.length; cut += 1) {
      const { answer, message } = await begin(() => client.responses.create({ ...question, stream: true }));
      const had: Event[] = [];
      const stream = await answer;
      speak(message, 0, cut);
      for await (const event of stream) {
        had.push(event);
        if (textIn(had) === PIECES.slice(0, cut).join('')) break;
      }
      const rest = events(otherClient, idOf(message), had.at(-1)!.sequence_number);
      speak(message, cut);
      await gateway.worker.complete(message, { content: WHOLE });
      const all = [...had, ...(await rest)];
      expect(all.map(({ sequence_number }) => sequence_number)).toEqual(all.map((_, at) => at));
      expect(textIn(all)).toBe(WHOLE);
      expect(all.at(-1)!.type).toBe('response.completed');
    }
  });

  it('is told from its beginning by the helper of the SDK', async () => {
    const { id, told } = await streamed();
    const helper = otherClient.responses.stream({ response_id: id, starting_after: 5 });
    const heard: number[] = [];
    helper.on('event', (event) => heard.push(event.sequence_number));
    const [said] = (await helper.finalResponse()).output;
    expect(said).toMatchObject({ type: 'message', content: [{ type: 'output_text', text: WHOLE }] });
    expect(heard).toEqual(told.map(({ sequence_number }) => sequence_number).filter((at) => at > 5));
  });

  it('ends with the whole answer where its pieces are gone', async () => {
    const { id, told } = await streamed();
    const nats = await connectTo(servers.nats);
    await (await jetstreamManager(nats)).streams.purge('LLMQ_CHUNKS');
    await nats.close();
    const all = await events(client, id);
    expect(textIn(all)).toBe(WHOLE);
    expect(all.at(-1)).toMatchObject({ type: 'response.completed', response: { output: [{}] } });
    const far = told.length + 20;
    const rest = await events(client, id, far);
    expect(rest[0]!.sequence_number).toBe(far + 1);
    expect(rest.map(({ type }) => type)).toEqual([
      ...['response.output_text.done', 'response.content_part.done', 'response.output_item.done'],
      'response.completed',
    ]);
  });

  it('goes on through an attempt that repeats what was said', async () => {
    const { answer, message } = await begin(() => client.responses.create({ ...question, stream: true }));
    const { subject } = message;
    const stream = await answer;
    gateway.worker.piece(subject, 1, { content: 'One' });
    gateway.worker.piece(subject, 2, { content: ' two' });
    gateway.worker.piece(subject, 1, { content: 'One two' }, 2);
    gateway.worker.piece(subject, 2, { content: ' three' }, 2);
    await gateway.worker.complete(message, { content: 'One two three' });
    const told = await eventsOf(stream);
    expect(textIn(told)).toBe('One two three');
    expect(textIn(await events(otherClient, idOf(message)))).toBe('One two three');
  });

  it('is not begun for a place that is none', async () => {
    const { id } = await streamed();
    const url = `${gateway.baseUrl}/v1/responses/${id}?stream=true&starting_after=x`;
    expect(await request('GET', url)).toMatchObject({
      ...{ status: 400, json: { error: { param: 'starting_after' } } },
    });
  });
});

describe('what was asked', () => {
  it('is listed as items', async () => {
    const input = [
      { role: 'user' as const, content: 'Weather?' },
      { type: 'function_call' as const, call_id: 'c1', name: 'weather', arguments: '{}' },
      { type: 'function_call_output' as const, call_id: 'c1', output: 'sun' },
    ];
    const { answer, message } = await begin(() =>
      client.responses.create({ ...question, input, background: true }),
    );
    const { id } = await answer;
    const listed = await client.responses.inputItems.list(id, { order: 'asc' });
    expect(listed.data).toMatchObject([
      { id: `msg_${message.subject}_i0`, role: 'user', content: [{ type: 'input_text', text: 'Weather?' }] },
      { id: `fc_${message.subject}_i0`, type: 'function_call', call_id: 'c1', name: 'weather' },
      { id: `fco_${message.subject}_i0`, type: 'function_call_output', call_id: 'c1', output: 'sun' },
    ]);
    const ids: (string | undefined)[] = [];
    for await (const item of client.responses.inputItems.list(id, { limit: 2 })) ids.push(item.id);
    expect(ids).toEqual(listed.data.map((item) => item.id).reverse());
    await client.responses.cancel(id);
  });
});

describe('a response that is not to be kept', () => {
  it('is deleted, also while it waits', async () => {
    const { id } = await streamed();
    const path = `${gateway.baseUrl}/v1/responses/${id}`;
    expect((await request('DELETE', path)).json).toEqual({ id, object: 'response', deleted: true });
    await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    const { answer } = await begin(() => client.responses.create({ ...question, background: true }));
    const waiting = await answer;
    await client.responses.delete(waiting.id);
    await expect(client.responses.retrieve(waiting.id)).rejects.toMatchObject({ status: 404 });
    await expect(client.responses.delete(waiting.id)).rejects.toMatchObject({ status: 404 });
  });

  it('loses its content once it is answered, where store is false', async () => {
    const input = `a secret question ${'x'.repeat(20_000)}`;
    const { answer, message } = await begin(() =>
      client.responses.create({
        ...{ ...question, input, instructions: 'a secret word', store: false, stream: true },
      }),
    );
    const { subject } = message;
    const id = idOf(message);
    const stream = await answer;
    await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    gateway.worker.piece(subject, 1, { content: 'a secret' });
    gateway.worker.piece(subject, 2, { content: ' answer' });
    await gateway.worker.complete(message, { content: 'a secret answer' });
    const told = await eventsOf(stream);
    expect(textIn(told)).toBe('a secret answer');
    const [said] = (told.at(-1) as OpenAI.Responses.ResponseCompletedEvent).response.output;
    for (const named of [said!.id!, `msg_${subject}_i0`]) {
      await expect(
        client.responses.create({ model: MODEL, input: [{ type: 'item_reference', id: named }] }),
      ).rejects.toMatchObject({ status: 400, param: 'input[0].id' });
    }
    const url = `${gateway.baseUrl}/api/v1/messages/${message.subject}`;
    await eventually(async () => {
      expect((await request('GET', url)).json).toMatchObject({ status: 'completed', content_erased: true });
    });
    await eventually(async () => {
      const first = await gateway.log.get(1);
      const kept: string[] = first === null ? [] : [JSON.stringify(first)];
      const last = await gateway.log.lastSequence();
      for (let sequence = 2; sequence <= last; sequence += 1) {
        kept.push(JSON.stringify(await gateway.log.get(sequence)));
      }
      expect(kept.filter((event) => event.includes('a secret'))).toEqual([]);
    });
    await eventually(async () => expect(await tablesWith('a secret')).toEqual([]));
    const nats = await connectTo(servers.nats);
    try {
      const pieces = { subjects_filter: `llmq.chunks.${subject}` };
      const parts = await new Objm(jetstream(nats)).open(PARTS_BUCKET);
      await eventually(async () => {
        const { state } = await (await jetstreamManager(nats)).streams.info(CHUNKS_STREAM, pieces);
        expect(state.subjects ?? {}).toEqual({});
        expect((await parts.list()).filter(({ deleted }) => !deleted)).toEqual([]);
      });
    } finally {
      await nats.close();
    }
  });

  async function tablesWith(text: string): Promise<string[]> {
    const tables: { name: string }[] = await gateway.dataSource.query(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'llmq' AND table_type = 'BASE TABLE'",
    );
    const holding: string[] = [];
    for (const { name } of tables) {
      const found = await gateway.dataSource.query(
        `SELECT 1 FROM llmq."${name}" t WHERE t::text LIKE $1 LIMIT 1`,
        [`%${text}%`],
      );
      if (found.length > 0) holding.push(name);
    }
    return holding;
  }
});
