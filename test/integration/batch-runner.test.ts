import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { LOCAL_CALLER } from '../../src/domain/caller.js';
import type { MessageReceived } from '../../src/domain/message/message.events.js';
import type { EventLog } from '../../src/log/event-log.port.js';
import type { Batch } from '../../src/operations/batches/batch.state.js';
import { Batches } from '../../src/operations/batches/batches.js';
import { Files } from '../../src/operations/batches/files/files.js';
import { BatchLeases } from '../../src/operations/batches/nats/batch-leases.js';
import { BatchRecords } from '../../src/operations/batches/nats/batch-records.js';
import { eventually } from '../support/eventually.js';
import { type Gateway, MODEL, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const LINES = 24;
const IN_FLIGHT = 8;

let servers: Servers;
const gateways = new Set<Gateway>();

beforeAll(async () => {
  servers = await startServers();
});
afterEach(async () => {
  await Promise.all([...gateways].map((gateway) => close(gateway)));
});
afterAll(async () => {
  await servers?.stop();
});

async function start(): Promise<Gateway> {
  const gateway = await startGateway(servers, { batches: { lines_in_flight: IN_FLIGHT, at_once: 1 } });
  gateways.add(gateway);
  return gateway;
}

async function close(gateway: Gateway): Promise<void> {
  gateways.delete(gateway);
  await gateway.close();
}

/** With what some readers of lines take for the end of one. */
const nameOf = (at: number) => `${at}\u2028\u0085`;

async function submit(gateway: Gateway): Promise<Batch> {
  const lines = Array.from({ length: LINES }, (_, at) =>
    JSON.stringify({
      custom_id: nameOf(at),
      body: { model: MODEL, messages: [{ role: 'user', content: `${at}` }] },
    }),
  );
  async function* content() {
    yield Buffer.from(lines.join('\n'));
  }
  const files = gateway.part(Files);
  const received = await files.receive(LOCAL_CALLER.tenant, content());
  const file = await files.keep(LOCAL_CALLER.tenant, received, { name: 'lines', purpose: 'batch' });
  return gateway.part(Batches).create(LOCAL_CALLER, {
    ...{ inputFileId: file.id, endpoint: '/v1/chat/completions', completionWindow: '24h' },
    ...{ windowMs: 86_400_000, metadata: null, outputExpiresAfterS: null },
  });
}

/** The messages that the log has received since, in their order. */
async function received(log: EventLog, after: number): Promise<MessageReceived[]> {
  const last = await log.lastSequence();
  const found: MessageReceived[] = [];
  for (let sequence = after + 1; sequence <= last; sequence += 1) {
    const event = (await log.get(sequence))?.event;
    if (event?.type === 'llmq.message.received.v1') found.push(event);
  }
  return found;
}

const holderOf = async (gateway: Gateway, id: string) =>
  (await gateway.part(BatchLeases).list()).find(({ value }) => value.id === id)?.value;

/** Who carries it out, in the end. A process that is held up for some seconds loses its lease, and takes it again. */
function carriedOut(gateway: Gateway, id: string, notBy = ''): Promise<string> {
  return eventually(async () => {
    const { holder, released } = (await holderOf(gateway, id))!;
    expect([released, [notBy, ''].includes(holder)]).toEqual([false, false]);
    return holder;
  });
}

async function results(gateway: Gateway, id: string | null): Promise<{ custom_id: string }[]> {
  if (id === null) return [];
  const parts: Uint8Array[] = [];
  for await (const part of gateway.part(Files).content({ id })) parts.push(part);
  return Buffer.concat(parts)
    .toString()
    .split(/[\n\u0085\u2028\u2029]/)
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
}

describe('a batch', () => {
  it('goes on in another process at once when its own stops, and no line is submitted twice', async () => {
    const first = await start();
    const before = await first.log.lastSequence();
    const { id } = await submit(first);
    const known = await eventually(async () => {
      const all = await received(first.log, before);
      expect(all).toHaveLength(IN_FLIGHT);
      return all;
    });
    const holder = await carriedOut(first, id);
    const second = await start();
    await close(first);
    // By another one, and all that is answered from here on is heard there.
    await carriedOut(second, id, holder);
    const answered = new Set<string>();
    const answer = async (messages: readonly MessageReceived[]) => {
      for (const message of messages) {
        if (answered.has(message.subject)) continue;
        answered.add(message.subject);
        await second.worker.complete(message, { content: `answer to ${message.subject}` });
      }
    };
    await answer(known);
    await eventually(
      async () => {
        await answer(await received(second.log, before));
        expect(await second.part(Batches).get(LOCAL_CALLER, id)).toMatchObject({ status: 'completed' });
      },
      { withinMs: 60_000, everyMs: 100 },
    );
    const all = await received(second.log, before);
    expect(all).toHaveLength(LINES);
    expect(new Set(all.map(({ subject }) => subject)).size).toBe(LINES);
    const batch = await second.part(Batches).get(LOCAL_CALLER, id);
    expect(batch).toMatchObject({ total: LINES, completed: LINES, failed: 0, mark: { line: LINES } });
    const told = await results(second, batch.outputFileId);
    expect(told.map(({ custom_id: name }) => name)).toEqual(
      Array.from({ length: LINES }, (_, at) => nameOf(at)),
    );
    await eventually(async () => expect(await holderOf(second, id)).toBeUndefined());
  });

  it('has its results in files while it runs, of the lines that have ended, also in another process', async () => {
    const first = await start();
    const before = await first.log.lastSequence();
    const { id } = await submit(first);
    const asked = await eventually(async () => {
      const all = await received(first.log, before);
      expect(all).toHaveLength(IN_FLIGHT);
      return all;
    });
    const read = async (gateway: Gateway) =>
      (await request('GET', `${gateway.baseUrl}/v1/batches/${id}`)).json;
    expect(await read(first)).toMatchObject({ output_file_id: null, error_file_id: null });
    const { worker } = first;
    await worker.complete(asked[5]!, { content: 'the first answer' });
    await worker.deadLetter(asked[3]!, { code: 'http_422', message: 'no', retryable: false, status: 422 });
    const { output_file_id: output, error_file_id: error } = await eventually(async () => {
      const now = await read(first);
      expect(now.request_counts).toEqual({ total: LINES, completed: 1, failed: 1 });
      return now;
    });
    const lineOf = ({ data }: MessageReceived) => nameOf(Number(data.request.messages![0]!['content']));
    const contents = async (gateway: Gateway) => {
      const linesIn = async (file: string) => {
        const { status, json: text } = await request('GET', `${gateway.baseUrl}/v1/files/${file}/content`);
        expect(status).toBe(200);
        const lines = typeof text === 'string' ? text.split('\n').filter((line) => line !== '') : [text];
        return lines.map((line) => (typeof line === 'string' ? JSON.parse(line) : line).custom_id);
      };
      return { output: await linesIn(output), error: await linesIn(error) };
    };
    const soFar = { output: [lineOf(asked[5]!)], error: [lineOf(asked[3]!)] };
    expect(await contents(first)).toEqual(soFar);
    // Clients that leave give their places back: more of them than may read at once.
    for (let client = 0; client < 8; client += 1) {
      const leaving = new AbortController();
      const asked = fetch(`${first.baseUrl}/v1/files/${output}/content`, { signal: leaving.signal });
      setTimeout(() => leaving.abort(), client);
      await asked.then(({ body }) => body?.cancel()).catch(() => undefined);
    }
    await eventually(async () => expect(await contents(first)).toEqual(soFar));
    const file = await request('GET', `${first.baseUrl}/v1/files/${output}`);
    expect(file.json).toMatchObject({ id: output, purpose: 'batch_output', status: 'uploaded', bytes: 0 });
    const deleted = await request('DELETE', `${first.baseUrl}/v1/files/${output}`);
    expect([deleted.status, deleted.json.error.code]).toEqual([409, 'not_ended']);
    const holder = await carriedOut(first, id);
    const second = await start();
    await close(first);
    await carriedOut(second, id, holder);
    await eventually(async () => expect(await contents(second)).toEqual(soFar));
    await second.part(Batches).cancel(LOCAL_CALLER, id);
    const ended = await eventually(async () => {
      const now = await read(second);
      expect(now.status).toBe('cancelled');
      return now;
    });
    expect(ended).toMatchObject({ output_file_id: output, error_file_id: error });
    const whole = await contents(second);
    expect(whole.output).toEqual(soFar.output);
    expect(whole.error).toHaveLength(LINES - 1);
    expect((await request('GET', `${second.baseUrl}/v1/files/${output}`)).json.status).toBe('processed');
    expect((await request('DELETE', `${second.baseUrl}/v1/files/${output}`)).status).toBe(200);
    expect((await request('GET', `${second.baseUrl}/v1/files/${output}/content`)).status).toBe(404);
  });

  it('that was cancelled while nobody carried it out is wound down by whoever comes', async () => {
    const first = await start();
    const before = await first.log.lastSequence();
    const { id } = await submit(first);
    await eventually(async () => expect(await received(first.log, before)).toHaveLength(IN_FLIGHT));
    const [answered] = await received(first.log, before);
    await first.worker.complete(answered!, { content: 'in time' });
    await eventually(async () => {
      expect((await first.part(Batches).get(LOCAL_CALLER, id)).completed).toBe(1);
    });
    // As a client of another process does, in the moment in which this one stops.
    await close(first);
    const second = await startGateway(servers, { batches: { at_once: 1, lines_in_flight: IN_FLIGHT } });
    gateways.add(second);
    await second.part(Batches).cancel(LOCAL_CALLER, id);
    const batch = await eventually(
      async () => {
        const now = await second.part(Batches).get(LOCAL_CALLER, id);
        expect(now.status).toBe('cancelled');
        return now;
      },
      { withinMs: 60_000, everyMs: 100 },
    );
    expect(batch).toMatchObject({ total: LINES, completed: 1, failed: LINES - 1 });
    expect(await results(second, batch.outputFileId)).toHaveLength(1);
    expect(await results(second, batch.errorFileId)).toHaveLength(LINES - 1);
  });

  it('that is offered and was never written holds nothing up', async () => {
    const gateway = await start();
    await gateway.part(BatchLeases).offer({ id: 'batch_never', tenant: 'default' });
    const { id } = await submit(gateway);
    await eventually(
      async () => expect((await gateway.part(Batches).get(LOCAL_CALLER, id)).status).toBe('in_progress'),
      { withinMs: 60_000 },
    );
    await gateway.part(Batches).cancel(LOCAL_CALLER, id);
    await eventually(
      async () => expect((await gateway.part(Batches).get(LOCAL_CALLER, id)).status).toBe('cancelled'),
      { withinMs: 60_000 },
    );
    await gateway.part(BatchLeases).remove('batch_never');
    expect(await gateway.part(BatchRecords).read('default', 'batch_never')).toBeNull();
  });
});
