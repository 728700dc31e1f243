import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { LOCAL_CALLER } from '../../src/domain/caller.js';
import { LogFullError } from '../../src/log/event-log.errors.js';
import { LogRoom } from '../../src/log/room/log-room.js';
import { BatchSweep } from '../../src/operations/batches/batch-sweep.js';
import { Batches } from '../../src/operations/batches/batches.js';
import { Files } from '../../src/operations/batches/files/files.js';
import { FileGoneError, FileObjects } from '../../src/operations/batches/files/nats/file-objects.js';
import { FileRecords } from '../../src/operations/batches/files/nats/file-records.js';
import { BatchRecords } from '../../src/operations/batches/nats/batch-records.js';
import { eventually } from '../support/eventually.js';
import { jetstream, jetstreamManager } from '../support/jetstream.js';
import { connectTo, type Gateway, request, type Servers, startGateway, startServers } from './gateway.rig.js';

const MIB = 1024 * 1024;
const STREAM = 'OBJ_llmq_files';

let servers: Servers;
let gateway: Gateway;
let nats: NatsConnection;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers, { batches: { max_file_bytes: 3 * MIB } });
  nats = await connectTo(servers.nats);
});
afterAll(async () => {
  await nats?.close();
  await gateway?.close();
  await servers?.stop();
});

const files = () => gateway.part(Files);
const receive = (content: AsyncIterable<Uint8Array>) => files().receive('default', content);

async function stored(): Promise<number> {
  const { state } = await (await jetstreamManager(nats)).streams.info(STREAM);
  return state.messages;
}

async function* parts(...all: Buffer[]): AsyncIterable<Uint8Array> {
  yield* all;
}

/** A content that stops behind its first part until it is told to go on. */
function slowly(bytes: number, more: number) {
  let come!: () => void;
  let goOn!: () => void;
  const hasCome = new Promise<void>((resolve) => {
    come = resolve;
  });
  const going = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  async function* content(): AsyncIterable<Uint8Array> {
    yield Buffer.alloc(bytes);
    // Asked for the next part, it has counted this one.
    come();
    await going;
    if (more > 0) yield Buffer.alloc(more);
  }
  return { content: content(), hasCome, goOn };
}

/** A content is refused while another one comes in, which is dropped afterwards. */
async function besideAnother(into: Files, bytes: number, tooMuch: number): Promise<void> {
  const other = slowly(bytes, 0);
  const received = into.receive('default', other.content);
  await other.hasCome;
  await expect(into.receive('default', parts(Buffer.alloc(tooMuch)))).rejects.toMatchObject({
    code: 'limit_reached',
  });
  other.goOn();
  into.drop('default', await received);
}

/** Of two that are too much together the one that began first is taken, though the other has room when it comes. */
async function firstOfTwo(into: Files, bytes: readonly [number, number], more: number): Promise<void> {
  const [first, later] = [slowly(bytes[0], more), slowly(bytes[1], 0)];
  const received = into.receive('default', first.content);
  await first.hasCome;
  const refused = into.receive('default', later.content);
  await later.hasCome;
  first.goOn();
  const taken = await received;
  later.goOn();
  await expect(refused).rejects.toMatchObject({ code: 'limit_reached' });
  into.drop('default', taken);
}

async function read(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const part of content) all.push(part);
  return Buffer.concat(all);
}

describe('a content', () => {
  it('is the same when it is read, whatever its size', async () => {
    for (const bytes of [0, 1, MIB, MIB + 1, 2 * MIB + 7]) {
      const content = Buffer.alloc(bytes, 'abcdefg');
      const half = bytes >> 1;
      const received = await receive(parts(content.subarray(0, half), content.subarray(half)));
      expect(received.bytes).toBe(bytes);
      expect((await read(files().content(received))).equals(content)).toBe(true);
      await gateway.part(FileObjects).remove(received.id);
    }
    expect(await stored()).toBe(0);
  });

  it('that is too large, or breaks off, leaves nothing', async () => {
    const large = receive(parts(...Array.from({ length: 5 }, () => Buffer.alloc(MIB))));
    await expect(large).rejects.toMatchObject({ refusal: { code: 'content_too_large' } });
    const broken = new Error('the client is gone');
    async function* breaking(): AsyncIterable<Uint8Array> {
      yield Buffer.alloc(MIB);
      throw broken;
    }
    await expect(receive(breaking())).rejects.toBe(broken);
    expect(await stored()).toBe(0);
  });

  it('stops where the log has no room any more, and leaves nothing', async () => {
    const refusal = jest.spyOn(gateway.part(LogRoom), 'refusal');
    async function* fillingUp(): AsyncIterable<Uint8Array> {
      yield Buffer.alloc(MIB);
      refusal.mockReturnValue(new LogFullError('its reserve is reached'));
      yield Buffer.alloc(MIB);
      throw new Error('nobody wants the rest');
    }
    try {
      await expect(receive(fillingUp())).rejects.toBeInstanceOf(LogFullError);
    } finally {
      refusal.mockRestore();
    }
    expect(await stored()).toBe(0);
  });

  it('of which a part is lost is told as gone, and not as shorter', async () => {
    const received = await receive(parts(Buffer.alloc(2 * MIB)));
    const { streams } = await jetstreamManager(nats);
    const { state } = await streams.info(STREAM);
    await streams.deleteMessage(STREAM, state.first_seq + 1);
    await expect(read(files().content(received))).rejects.toBeInstanceOf(FileGoneError);
    await gateway.part(FileObjects).remove(received.id);
    await expect(read(files().content(received))).rejects.toBeInstanceOf(FileGoneError);
  });
});

describe('an upload', () => {
  it('may have any name, also one that is cut within a character', async () => {
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', new Blob(['{}']), `${'a'.repeat(254)}\u{1f600}`);
    const made = await fetch(`${gateway.baseUrl}/v1/files`, { method: 'POST', body: form });
    const { id } = (await made.json()) as { id: string };
    const content = await fetch(`${gateway.baseUrl}/v1/files/${id}/content`);
    expect([content.status, await content.text()]).toEqual([200, '{}']);
    expect((await request('DELETE', `${gateway.baseUrl}/v1/files/${id}`)).status).toBe(200);
  });

  const lines = { 'content-type': 'application/x-ndjson' };
  const known = async () => (await request('GET', `${gateway.baseUrl}/v1/files`)).json.data.length;

  it('that is too large is told so, over REST too', async () => {
    const url = `${gateway.baseUrl}/api/v1/batches`;
    const refused = await request('POST', url, Buffer.alloc(4 * MIB, 'x'), lines);
    expect(refused).toMatchObject({ status: 413, json: { code: 'content_too_large' } });
    await eventually(async () => expect(await stored()).toBe(0));
  });

  it('that is too much with all that is stored is told what to do, and fits when that is done', async () => {
    const limited = await startGateway(servers, { batches: { max_stored_bytes: 100 } });
    try {
      const upload = async (bytes: number) => {
        const form = new FormData();
        form.set('purpose', 'batch');
        form.set('file', new Blob(['x'.repeat(bytes)]), 'lines.jsonl');
        const answer = await fetch(`${limited.baseUrl}/v1/files`, { method: 'POST', body: form });
        return { status: answer.status, headers: answer.headers, json: (await answer.json()) as never };
      };
      const { json: first } = await upload(60);
      const refused = await upload(41);
      expect(refused).toMatchObject({
        status: 409,
        json: {
          error: {
            ...{ type: 'invalid_request_error', code: 'limit_reached', param: null },
            message: expect.stringMatching(/60 bytes.* 100 .*batches\.max_stored_bytes.*Delete files/),
          },
        },
      });
      expect(refused.headers.get('x-should-retry')).toBe('false');
      const url = `${limited.baseUrl}/api/v1/batches`;
      const overRest = await request('POST', url, 'x'.repeat(41), lines);
      expect([overRest.status, overRest.json.code]).toEqual([409, 'limit_reached']);
      const { id } = first as { id: string };
      await besideAnother(limited.part(Files), 30, 11);
      await firstOfTwo(limited.part(Files), [30, 9], 5);
      const fits = await upload(40);
      expect(fits.status).toBe(200);
      expect((await request('DELETE', `${limited.baseUrl}/v1/files/${id}`)).status).toBe(200);
      const { status, json } = await upload(60);
      expect(status).toBe(200);
      for (const each of [fits.json, json] as { id: string }[]) {
        expect((await request('DELETE', `${limited.baseUrl}/v1/files/${each.id}`)).status).toBe(200);
      }
      await eventually(async () => expect(await stored()).toBe(0));
    } finally {
      await limited.close();
    }
  });

  it('of a batch that is refused is no file', async () => {
    const before = await known();
    // Nothing could be signed here.
    const url = `${gateway.baseUrl}/api/v1/batches?callback_url=https%3A%2F%2Fexample.com`;
    expect((await request('POST', url, '{}', lines)).status).toBe(422);
    await eventually(async () => expect([await known(), await stored()]).toEqual([before, 0]));
  });
});

describe('the sweep', () => {
  it('takes expired files away, contents without a file and pieces of contents, and nothing else', async () => {
    const keep = async (name: string, expiresAfterS: number | null) =>
      files().keep('default', await receive(parts(Buffer.from(name))), {
        ...{ name, purpose: 'batch', expiresAfterS },
      });
    const kept = await keep('kept', 3_600);
    const expired = await keep('expired', 3_600);
    await gateway
      .part(FileRecords)
      .write(
        { ...expired, expiresAtMs: 1 },
        (await gateway.part(FileRecords).read('default', expired.id))!.revision,
      );
    const nobodys = await receive(parts(Buffer.from('nobody keeps it')));
    await jetstream(nats).publish('$O.llmq_files.C.ofakilledwriter', 'a piece');
    const before = await stored();
    const sweep = gateway.part(BatchSweep);
    expect(await sweep.sweep()).toBe(1);
    // What was written within the last hour may be on its way.
    expect(await stored()).toBe(before - 2);
    expect(await gateway.part(FileObjects).sweep((id) => id === kept.id, Date.now() + 60_000)).toBe(2);
    expect(await stored()).toBe(2);
    expect((await read(files().content(kept))).toString()).toBe('kept');
    await expect(read(files().content(nobodys))).rejects.toBeInstanceOf(FileGoneError);
  });

  it('leaves the input of a batch that is under way', async () => {
    const file = await files().keep('default', await receive(parts(Buffer.from('no json'))), {
      ...{ name: 'x', purpose: 'batch' },
    });
    const batches = gateway.part(Batches);
    const { id } = await batches.create(LOCAL_CALLER, {
      ...{ inputFileId: file.id, endpoint: '/v1/embeddings', completionWindow: '1h', windowMs: 3_600_000 },
      ...{ metadata: null, outputExpiresAfterS: null },
    });
    await eventually(async () => expect((await batches.get(LOCAL_CALLER, id)).status).toBe('failed'));
    const records = gateway.part(FileRecords);
    const { revision } = (await records.read('default', file.id))!;
    await records.write({ ...file, expiresAtMs: 1 }, revision);
    // Nobody offers it, so that it stays under way for as long as the test wants.
    const { value } = (await gateway.part(BatchRecords).read('default', id))!;
    const underWay = { ...value, id: 'batch_underway', status: 'in_progress' as const };
    await gateway.part(BatchRecords).write(underWay, 0);
    await gateway.part(BatchSweep).sweep();
    expect(await records.read('default', file.id)).not.toBeNull();
    await gateway.part(BatchRecords).remove(underWay);
    await gateway.part(BatchSweep).sweep();
    expect(await records.read('default', file.id)).toBeNull();
  });

  it('forgets batches that ended long ago', async () => {
    const file = await files().keep('default', await receive(parts(Buffer.from('no json'))), {
      ...{ name: 'x', purpose: 'batch' },
    });
    const batches = gateway.part(Batches);
    const { id } = await batches.create(LOCAL_CALLER, {
      ...{ inputFileId: file.id, endpoint: '/v1/embeddings', completionWindow: '1h', windowMs: 3_600_000 },
      ...{ metadata: null, outputExpiresAfterS: null },
    });
    await eventually(async () => expect((await batches.get(LOCAL_CALLER, id)).status).toBe('failed'));
    await gateway.part(BatchSweep).sweep();
    const records = gateway.part(BatchRecords);
    const { value, revision } = (await records.read('default', id))!;
    await records.write({ ...value, times: { failed: 1 } }, revision);
    await gateway.part(BatchSweep).sweep();
    expect(await records.read('default', id)).toBeNull();
  });
});

describe('a batch that is asked for again', () => {
  const asked = (inputFileId: string) => ({
    ...({ inputFileId, endpoint: '/v1/embeddings', completionWindow: '1h', windowMs: 3_600_000 } as const),
    ...{ metadata: null, outputExpiresAfterS: null },
  });
  const keep = async () =>
    files().keep('default', await receive(parts(Buffer.from('no json'))), {
      ...{ name: 'x', purpose: 'batch' },
    });

  it('under the same key is the one that an earlier run has made, whose answer was lost', async () => {
    const { id } = await keep();
    const seed = '019b0000-0000-7000-8000-000000000000';
    const run = (again: boolean) =>
      gateway.part(Batches).create(LOCAL_CALLER, asked(id), { again, idAt: () => seed });
    const first = await run(false);
    expect([(await run(true)).id, (await run(false)).id]).toEqual([first.id, first.id]);
  });

  it('over REST is one batch, and a key is of one body', async () => {
    const url = `${gateway.baseUrl}/api/v1/batches`;
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'a key' };
    const first = await request('POST', url, 'no json', headers);
    const again = await request('POST', url, 'no json', headers);
    expect([first.status, again.status, again.json.id]).toEqual([202, 202, first.json.id]);
    const other = await request('POST', url, 'another body', headers);
    expect(other).toMatchObject({ status: 422, json: { code: 'idempotency_key_reused' } });
  });

  it('by an SDK that heard no answer is the first one', async () => {
    const { id } = await keep();
    const body = { input_file_id: id, endpoint: '/v1/embeddings', completion_window: '24h' };
    const create = async (tries: string) => {
      const counted = { 'x-stainless-retry-count': tries };
      return (await request('POST', `${gateway.baseUrl}/v1/batches`, body, counted)).json.id;
    };
    const first = await create('0');
    expect(await create('1')).toBe(first);
    expect(await create('0')).not.toBe(first);
  });
});
