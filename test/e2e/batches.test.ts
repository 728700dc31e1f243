import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI, { toFile } from 'openai';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { type RunningService, startService } from '../support/service.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

const SECRET = `whsec_${Buffer.from('s'.repeat(32)).toString('base64')}`;

let service: RunningService;
let client: OpenAI;
let receiver: WebhookReceiver;

beforeAll(async () => {
  receiver = await startWebhookReceiver();
  service = await startService({
    config: {
      demo: { tokens_per_second: 10_000 },
      queue: { retry: { base_delay_ms: 50, max_delay_ms: 200 }, default_max_retries: 1 },
      batches: { lines_in_flight: 10, max_lines: 200 },
      webhooks: { secrets: [SECRET], retry_times_ms: [100, 500] },
      security: { egress: { allow: ['127.0.0.1'] } },
    },
  });
  client = new OpenAI({
    ...{ baseURL: `${service.baseUrl}/v1`, apiKey: 'none', maxRetries: 0, webhookSecret: SECRET },
  });
});
afterAll(async () => {
  await service?.stop();
  await receiver?.close();
});

type Endpoint = OpenAI.BatchCreateParams['endpoint'];

interface Result {
  readonly id: string;
  readonly custom_id: string;
  // biome-ignore lint/suspicious/noExplicitAny: the answer of whatever was asked for.
  readonly response: { status_code: number; request_id: string; body: any } | null;
  readonly error: { code: string; message: string } | null;
}

const line = (name: string, body: object, url: Endpoint = '/v1/chat/completions') =>
  JSON.stringify({ custom_id: name, method: 'POST', url, body });
const chat = (name: string, content: string) =>
  line(name, { model: 'demo', messages: [{ role: 'user', content }] });

async function upload(lines: readonly string[]): Promise<OpenAI.FileObject> {
  const file = await toFile(Buffer.from(lines.join('\n')), 'lines.jsonl');
  return client.files.create({ file, purpose: 'batch' });
}

async function begin(
  lines: readonly string[],
  { endpoint = '/v1/chat/completions', window = '24h' }: { endpoint?: Endpoint; window?: string } = {},
): Promise<OpenAI.Batch> {
  const { id } = await upload(lines);
  return client.batches.create({
    ...{ input_file_id: id, endpoint, completion_window: window as '24h', metadata: { of: 'a test' } },
  });
}

function ended(id: string): Promise<OpenAI.Batch> {
  return eventually(
    async () => {
      const batch = await client.batches.retrieve(id);
      expect(['completed', 'failed', 'cancelled', 'expired']).toContain(batch.status);
      return batch;
    },
    { withinMs: 180_000, everyMs: 100 },
  );
}

async function results(fileId: string | null | undefined): Promise<Result[]> {
  if (fileId == null) return [];
  const text = await (await client.files.content(fileId)).text();
  return text.split('\n').flatMap((each) => (each === '' ? [] : [JSON.parse(each)]));
}

describe('a file', () => {
  it('is uploaded, listed, read as it was, and deleted', async () => {
    const lines = [chat('a', 'é \u2028 "x"'), '', chat('b', 'two')];
    const file = await upload(lines);
    const content = lines.join('\n');
    expect(file).toMatchObject({
      ...{ object: 'file', filename: 'lines.jsonl', purpose: 'batch', bytes: Buffer.byteLength(content) },
      expires_at: expect.any(Number),
    });
    expect(await client.files.retrieve(file.id)).toEqual(file);
    expect(await (await client.files.content(file.id)).text()).toBe(content);
    const listed: string[] = [];
    for await (const each of client.files.list({ limit: 1, purpose: 'batch' })) listed.push(each.id);
    expect(listed).toContain(file.id);
    expect(await client.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
    await expect(client.files.content(file.id)).rejects.toMatchObject({ status: 404 });
  });

  it('of several megabytes comes back as it was', async () => {
    const content = Buffer.alloc(3_500_000, 'lines of nothing much\n');
    const file = await client.files.create({
      file: await toFile(content, 'große Datei.jsonl'),
      purpose: 'batch',
      expires_after: { anchor: 'created_at', seconds: 7_200 },
    });
    expect(file).toMatchObject({ bytes: content.length, filename: 'große Datei.jsonl' });
    expect(file.expires_at! - file.created_at).toBe(7_200);
    const read = Buffer.from(await (await client.files.content(file.id)).arrayBuffer());
    expect(read.equals(content)).toBe(true);
  });

  it('is refused with the reason, and nothing is left of it', async () => {
    const file = () => toFile(Buffer.from('{}'), 'x.jsonl');
    const before = (await client.files.list()).data.length;
    await expect(client.files.create({ file: await file(), purpose: 'vision' })).rejects.toMatchObject({
      ...{ status: 400, param: 'purpose', message: expect.stringContaining('must be batch') },
    });
    const life = { anchor: 'created_at' as const, seconds: 5 };
    const short = client.files.create({ file: await file(), purpose: 'batch', expires_after: life });
    await expect(short).rejects.toMatchObject({ status: 400, param: 'expires_after[seconds]' });
    const post = (body: string | FormData, headers: Record<string, string> = {}) =>
      fetch(`${service.baseUrl}/v1/files`, { method: 'POST', body, headers });
    const empty = new FormData();
    empty.set('purpose', 'batch');
    expect((await post(empty)).status).toBe(400);
    expect((await post('{}', { 'content-type': 'application/json' })).status).toBe(400);
    expect(
      (await post('--x\r\nnot whole', { 'content-type': 'multipart/form-data; boundary=x' })).status,
    ).toBe(400);
    // A form is taken nowhere else.
    const elsewhere = await fetch(`${service.baseUrl}/api/v1/messages`, { method: 'POST', body: empty });
    expect(elsewhere.status).toBe(415);
    expect((await client.files.list()).data).toHaveLength(before);
  });
});

describe('a batch', () => {
  it('answers each line once, by its name, and tells errors apart', async () => {
    const names = Array.from({ length: 60 }, (_, at) => `line ${at}`);
    const lines = names.map((name, at) =>
      chat(name, at % 20 === 7 ? '[[demo:fail 422]]' : at % 20 === 9 ? '[[demo:fail 500]]' : `Hello ${at}`),
    );
    const begun = await begin([...lines.slice(0, 5), '', ...lines.slice(5), '']);
    expect(begun).toMatchObject({
      ...{ object: 'batch', status: 'validating', endpoint: '/v1/chat/completions' },
      ...{ completion_window: '24h', metadata: { of: 'a test' } },
    });
    expect(begun.expires_at! - begun.created_at).toBe(86_400);
    const batch = await ended(begun.id);
    expect(batch).toMatchObject({
      ...{ status: 'completed', model: 'demo', request_counts: { total: 60, completed: 54, failed: 6 } },
      ...{ in_progress_at: expect.any(Number), finalizing_at: expect.any(Number) },
      ...{ completed_at: expect.any(Number), errors: null },
    });
    expect(batch.usage!.total_tokens).toBe(batch.usage!.input_tokens + batch.usage!.output_tokens);
    expect(batch.usage!.output_tokens).toBeGreaterThan(0);
    const [good, bad] = await Promise.all([results(batch.output_file_id), results(batch.error_file_id)]);
    expect([...good, ...bad].map(({ custom_id: name }) => name).sort()).toEqual([...names].sort());
    for (const { custom_id: name, response, error } of good) {
      const content = demoAnswer([{ role: 'user', content: `Hello ${name.slice(5)}` }]);
      expect(error).toBeNull();
      expect(response).toMatchObject({
        status_code: 200,
        body: { object: 'chat.completion', model: 'demo', choices: [{ message: { content } }] },
      });
      expect(response!.body.service_tier).toBe('flex');
    }
    expect(bad.map(({ response }) => response?.status_code).sort()).toEqual([422, 422, 422, 502, 502, 502]);
    expect(bad[0]?.response?.body.error).toMatchObject({ message_id: bad[0]?.response?.request_id });
    const files = [];
    for await (const file of client.files.list({ purpose: 'batch_output' as never })) files.push(file.id);
    expect(files).toEqual(expect.arrayContaining([batch.output_file_id, batch.error_file_id]));
    const listed = await client.batches.list({ limit: 100 });
    expect(listed.data.find(({ id }) => id === batch.id)).toEqual(batch);
  });

  it('asks for embeddings and completions, too', async () => {
    const embeddings = await begin([line('e', { model: 'demo', input: ['one', 'two'] }, '/v1/embeddings')], {
      endpoint: '/v1/embeddings',
    });
    const completions = await begin(
      [line('c', { model: 'demo', prompt: 'Once upon a time' }, '/v1/completions')],
      { endpoint: '/v1/completions' },
    );
    const [one] = await results((await ended(embeddings.id)).output_file_id);
    expect(one?.response?.body).toMatchObject({ object: 'list', data: [{ index: 0 }, { index: 1 }] });
    const [other] = await results((await ended(completions.id)).output_file_id);
    expect(other?.response?.body).toMatchObject({ object: 'text_completion', choices: [{ index: 0 }] });
  });

  it('asks for responses, which are those that their route answers', async () => {
    const url = '/v1/responses';
    const body = { model: 'demo', instructions: 'Be kind.', metadata: { of: 'a line' }, temperature: 0.5 };
    const lines = [
      line('good', { ...body, input: 'Hello' }, url),
      line('bad', { ...body, input: '[[demo:fail 422]]' }, url),
    ];
    const batch = await ended((await begin(lines, { endpoint: url })).id);
    expect(batch).toMatchObject({ status: 'completed', request_counts: { completed: 1, failed: 1 } });
    const [good] = await results(batch.output_file_id);
    expect(good).toMatchObject({ custom_id: 'good', response: { status_code: 200 }, error: null });
    const response = good!.response!.body;
    expect(response).toMatchObject({
      ...{ object: 'response', status: 'completed', model: 'demo', instructions: 'Be kind.' },
      ...{
        metadata: { of: 'a line' },
        temperature: 0.5,
        service_tier: 'flex',
        background: false,
        store: true,
      },
      usage: { total_tokens: batch.usage!.total_tokens },
    });
    expect(response.id).toBe(`resp_${good!.response!.request_id}`);
    const stored = await client.responses.retrieve(response.id);
    expect(JSON.parse(JSON.stringify(stored))).toMatchObject(response);
    const [bad] = await results(batch.error_file_id);
    expect(bad).toMatchObject({ custom_id: 'bad', response: { status_code: 422, body: { error: {} } } });
  });

  it('fails as a whole where lines are wrong, and tells which', async () => {
    const begun = await begin([
      chat('a', 'fine'),
      'no json',
      chat('a', 'again'),
      line('b', { model: 'demo', prompt: 'x' }, '/v1/completions'),
      line('c', { model: 'demo' }),
      line('d', { model: 'nobody', messages: [{ role: 'user', content: 'x' }] }),
      line('e', { model: 'demo', stream: true, messages: [{ role: 'user', content: 'x' }] }),
      JSON.stringify({ method: 'POST', url: '/v1/chat/completions', body: {} }),
      JSON.stringify({ custom_id: 'g', method: 'GET', url: '/v1/chat/completions', body: {} }),
    ]);
    const batch = await ended(begun.id);
    expect(batch).toMatchObject({ status: 'failed', failed_at: expect.any(Number), output_file_id: null });
    expect(batch.errors!.data!.map(({ line, code, param }) => [line, code, param])).toEqual([
      [2, 'invalid_json_line', null],
      [3, 'duplicate_custom_id', 'custom_id'],
      [4, 'invalid_url', 'url'],
      [5, 'invalid_request', 'body.messages'],
      [6, 'model_not_found', 'body'],
      [7, 'invalid_request', 'body.stream'],
      [8, 'invalid_custom_id', 'custom_id'],
      [9, 'invalid_method', 'method'],
    ]);
    const empty = await ended((await begin(['', ''])).id);
    expect(empty.errors!.data).toMatchObject([{ code: 'empty_file' }]);
    const tooMany = await ended((await begin(Array.from({ length: 201 }, (_, at) => chat(`${at}`, 'x')))).id);
    expect(tooMany.errors!.data).toMatchObject([{ code: 'too_many_lines' }]);
  });

  it('is refused with what is wrong with it', async () => {
    const { id } = await upload([chat('a', 'x')]);
    const right = { input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' } as const;
    const wrong: [object, string][] = [
      [{ input_file_id: 'file-nobody' }, 'input_file_id'],
      [{ endpoint: '/v1/moderations' }, 'endpoint'],
      [{ completion_window: '90d' }, 'completion_window'],
      [{ metadata: { a: 1 } }, 'metadata'],
      [{ output_expires_after: { anchor: 'created_at', seconds: 1 } }, 'output_expires_after'],
    ];
    for (const [fields, param] of wrong) {
      const refused = client.batches.create({ ...right, ...fields });
      await expect(refused).rejects.toMatchObject({ status: 400, param });
    }
    await expect(client.batches.retrieve('batch_nobody')).rejects.toMatchObject({ status: 404 });
  });

  it('is cancelled: what was answered is there, and every other line says so', async () => {
    const quick = Array.from({ length: 4 }, (_, at) => chat(`quick ${at}`, `Hello ${at}`));
    const slow = Array.from({ length: 36 }, (_, at) => chat(`slow ${at}`, '[[demo:hang]]'));
    const begun = await begin([...quick, ...slow]);
    await eventually(
      async () => expect((await client.batches.retrieve(begun.id)).request_counts!.completed).toBe(4),
      { withinMs: 180_000 },
    );
    const input = begun.input_file_id;
    await expect(client.files.delete(input)).rejects.toMatchObject({ status: 409, code: 'not_ended' });
    expect((await client.batches.cancel(begun.id)).status).toBe('cancelling');
    const batch = await ended(begun.id);
    expect(batch).toMatchObject({
      ...{ status: 'cancelled', cancelled_at: expect.any(Number) },
      request_counts: { total: 40, completed: 4, failed: 36 },
    });
    expect((await results(batch.output_file_id)).map(({ custom_id: name }) => name)).toEqual(
      Array.from({ length: 4 }, (_, at) => `quick ${at}`),
    );
    const errors = await results(batch.error_file_id);
    expect(errors).toHaveLength(36);
    for (const { response, error } of errors) {
      expect([response, error?.code]).toEqual([null, 'batch_cancelled']);
    }
    const again = client.batches.cancel(begun.id);
    await expect(again).rejects.toMatchObject({ status: 409, code: 'already_terminal' });
    await client.files.delete(input);
  });

  it('expires: what was answered until then is there', async () => {
    const lines = [
      chat('quick', 'Hello'),
      ...Array.from({ length: 20 }, (_, at) => chat(`${at}`, '[[demo:hang]]')),
    ];
    // It must have been checked before: a longer one on a machine that takes longer for that.
    const windows = [4, 60];
    const batch = await inOneOf(windows.length, async () => {
      const found = await ended((await begin(lines, { window: `${windows.shift()}s` })).id);
      expect(found).toMatchObject({ status: 'expired', expired_at: expect.any(Number) });
      expect(found.request_counts!.total).toBe(21);
      return found;
    });
    const errors = await results(batch.error_file_id);
    expect(new Set(errors.map(({ error }) => error?.code))).toEqual(new Set(['batch_expired']));
    expect(errors.length + (await results(batch.output_file_id)).length).toBe(21);
  });
});

describe('a webhook about a batch', () => {
  const told = (path: string, tries: number) =>
    eventually(
      () => {
        const all = receiver.at(path);
        // An answer that is late may cost one more.
        expect(all.length).toBeGreaterThanOrEqual(tries);
        return all.at(-1)!;
      },
      { withinMs: 180_000 },
    );

  it('is what OpenAI’s client unwraps, and is tried again', async () => {
    receiver.answer('/failing', (response, tries) => response.writeHead(tries === 0 ? 500 : 204).end());
    const { id: input } = await upload([chat('a', 'Hello')]);
    const batch = await client.batches.create(
      { input_file_id: input, endpoint: '/v1/chat/completions', completion_window: '24h' },
      { headers: { 'x-llmq-callback-url': `${receiver.url}/failing` } },
    );
    const { body, headers } = await told('/failing', 2);
    const [first] = receiver.at('/failing');
    expect(headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(await client.webhooks.unwrap(body, headers)).toMatchObject({
      ...{ object: 'event', type: 'batch.completed', id: headers['webhook-id'], data: { id: batch.id } },
    });
    // Not one for each line.
    expect(receiver.received.filter(({ event }) => event.type !== 'batch.completed')).toEqual([]);
  });

  it('tells of a batch that failed, over REST too', async () => {
    const url = `${service.baseUrl}/api/v1/batches?callback_url=${encodeURIComponent(`${receiver.url}/rest`)}`;
    const lines = { method: 'POST', body: 'no json', headers: { 'content-type': 'application/x-ndjson' } };
    const { id } = (await (await fetch(url, lines)).json()) as { id: string };
    const { body, headers } = await told('/rest', 1);
    expect(await client.webhooks.unwrap(body, headers)).toMatchObject({ type: 'batch.failed', data: { id } });
  });
});

describe('a batch over REST', () => {
  const url = () => `${service.baseUrl}/api/v1/batches`;
  const post = (lines: string, query = '') =>
    fetch(url() + query, {
      method: 'POST',
      body: lines,
      headers: { 'content-type': 'application/x-ndjson' },
    });
  // biome-ignore lint/suspicious/noExplicitAny: each of them is checked against its description.
  const read = async (path: string): Promise<any> => (await fetch(url() + path)).json();
  const ended = (id: string) =>
    eventually(
      async () => {
        const batch = await read(`/${id}`);
        expect(batch.ended_at).not.toBeNull();
        return batch;
      },
      { withinMs: 180_000, everyMs: 100 },
    );
  const asked = (name: string, content: string) =>
    JSON.stringify({ custom_id: name, body: { model: 'demo', messages: [{ role: 'user', content }] } });

  it('is lines in, and lines out', async () => {
    const lines = [asked('one', 'Hello'), asked('two', '[[demo:fail 422]]'), asked('three', 'Hello again')];
    const accepted = await post(`${lines.join('\n')}\n`, '?completion_window=2h');
    expect(accepted.status).toBe(202);
    const { id, status } = (await accepted.json()) as { id: string; status: string };
    expect(status).toBe('validating');
    expect(await ended(id)).toMatchObject({
      ...{ status: 'completed', model: 'demo', lines: { total: 3, completed: 2, failed: 1 }, errors: [] },
    });
    const text = await (await fetch(`${url()}/${id}/results`)).text();
    const told: Result[] = text.split('\n').flatMap((each) => (each === '' ? [] : [JSON.parse(each)]));
    expect(told.map(({ custom_id: name, response }) => [name, response?.status_code])).toEqual([
      ...[
        ['one', 200],
        ['three', 200],
        ['two', 422],
      ],
    ]);
    const page = await read('?limit=1');
    expect(page.data).toMatchObject([{ id }]);
    expect((await read(`?limit=1&cursor=${page.next_cursor}`)).data).toHaveLength(1);
    // The same batch, in OpenAI's words.
    expect(await client.batches.retrieve(id)).toMatchObject({ status: 'completed', completion_window: '2h' });
  });

  it('is refused with what is wrong, and told as failed where a line is', async () => {
    const refused = await post(asked('a', 'x'), '?endpoint=/v1/nothing');
    expect([refused.status, ((await refused.json()) as { field: string }).field]).toEqual([422, 'endpoint']);
    const form = await fetch(url(), { method: 'POST', body: new FormData() });
    expect(form.status).toBe(415);
    const { id } = (await (await post('no json')).json()) as { id: string };
    expect(await ended(id)).toMatchObject({
      ...{ status: 'failed', errors: [{ line: 1, code: 'invalid_json_line' }] },
    });
    expect(await (await fetch(`${url()}/${id}/results`)).text()).toBe('');
    expect((await fetch(`${url()}/batch_nobody`)).status).toBe(404);
  });

  it('has no results before it has ended', async () => {
    const { id } = (await (await post(asked('a', '[[demo:hang]]'))).json()) as { id: string };
    const early = await fetch(`${url()}/${id}/results`);
    expect([early.status, ((await early.json()) as { code: string }).code]).toEqual([409, 'not_ended']);
    expect((await fetch(`${url()}/${id}/cancel`, { method: 'POST' })).status).toBe(200);
    expect(await ended(id)).toMatchObject({ status: 'cancelled' });
  });
});

describe('the metrics', () => {
  const values = async (name: string, label: string): Promise<Record<string, number>> => {
    const text = await (await fetch(`${service.baseUrl}/metrics`)).text();
    const series = text.matchAll(new RegExp(`^${name}\\{.*?${label}="(\\w+)".*?\\} (\\d+)`, 'gm'));
    return Object.fromEntries([...series].map(([, value, count]) => [value, Number(count)]));
  };

  /** What is told of all batches is what they tell themselves: one process has carried them all out. */
  const agree = (open: Record<string, number>) =>
    eventually(
      async () => {
        const batches: OpenAI.Batch[] = [];
        for await (const batch of client.batches.list({ limit: 100 })) batches.push(batch);
        const counted = (statuses: readonly string[]) =>
          Object.fromEntries(
            statuses.map((each) => [each, batches.filter(({ status }) => status === each).length]),
          );
        const sum = (of: 'completed' | 'failed') =>
          batches.reduce((so, { request_counts: counts }) => so + counts![of], 0);
        expect(await values('llmq_batch_ended_total', 'status')).toEqual(
          counted(['cancelled', 'completed', 'expired', 'failed']),
        );
        expect(await values('llmq_batch_open', 'status')).toEqual(open);
        expect(await values('llmq_batch_lines_total', 'outcome')).toEqual({
          ...{ completed: sum('completed'), failed: sum('failed') },
        });
        expect(sum('completed')).toBeGreaterThan(0);
      },
      { everyMs: 200 },
    );

  it('tell of batches by status, and of lines by what came of them', async () => {
    const none = { validating: 0, in_progress: 0, finalizing: 0, cancelling: 0 };
    const { id } = await begin([chat('a', 'Hello'), chat('b', '[[demo:hang]]')]);
    await eventually(async () =>
      expect((await client.batches.retrieve(id)).request_counts!.completed).toBe(1),
    );
    await agree({ ...none, in_progress: 1 });
    await client.batches.cancel(id);
    await agree(none);
    expect((await client.batches.retrieve(id)).request_counts!.failed).toBe(1);
  });
});
