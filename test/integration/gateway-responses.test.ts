import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import {
  begun,
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
let client: OpenAI;

beforeAll(async () => {
  servers = await startServers();
  gateway = await startGateway(servers);
  client = new OpenAI({ baseURL: `${gateway.baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await gateway?.close();
  await servers?.stop();
});

const question = { model: MODEL, input: 'Hi' };

const begin = <T>(ask: () => Promise<T>) => begun(gateway, ask);

async function eventsOf(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

const typesOf = (events: readonly Event[]) => events.map(({ type }) => type.replace('response.', ''));
const post = (body: unknown) => request('POST', `${gateway.baseUrl}/v1/responses`, body);

const TOOL = {
  ...{ type: 'function' as const, name: 'weather', strict: false },
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
};

describe('a whole response', () => {
  it('is a message whose endpoint is asked for a chat', async () => {
    const { answer, message } = await begin(() =>
      client.responses
        .create({
          ...{ ...question, instructions: 'Be short.', max_output_tokens: 50, temperature: 0.5 },
          ...{ metadata: { a: 'b' }, service_tier: 'priority', tools: [TOOL], truncation: 'auto' },
          text: { format: { type: 'json_schema', name: 'e', schema: { type: 'object' } } },
        })
        .withResponse(),
    );
    expect(message).toMatchObject({
      lane: 'high',
      data: {
        request: {
          ...{ messages: [{ role: 'user', content: 'Hi' }], model: MODEL, instructions: 'Be short.' },
          parameters: {
            ...{ max_tokens: 50, temperature: 0.5 },
            response_format: { type: 'json_schema', json_schema: { name: 'e', schema: { type: 'object' } } },
            tools: [{ type: 'function', function: { name: 'weather', strict: false } }],
          },
          response: { background: false, store: true, settings: { truncation: 'auto' } },
        },
        ...{ stream: false, source: 'openai', metadata: { a: 'b' } },
      },
    });
    await gateway.worker.complete(message, { content: 'Hello', reasoning_content: 'They greet.' });
    const { data, response } = await answer;
    expect(response.headers.get('x-llmq-message-id')).toBe(message.subject);
    expect(data.output_text).toBe('Hello');
    expect(data).toMatchObject({
      ...{ id: `resp_${message.subject}`, object: 'response', status: 'completed', model: 'test-model-1' },
      ...{ instructions: 'Be short.', metadata: { a: 'b' }, service_tier: 'priority', error: null },
      ...{ max_output_tokens: 50, temperature: 0.5, truncation: 'auto', tools: [TOOL], store: true },
      text: { format: { type: 'json_schema', name: 'e' } },
      output: [
        {
          ...{ id: `rs_${message.subject}_0`, type: 'reasoning', summary: [] },
          content: [{ type: 'reasoning_text', text: 'They greet.' }],
        },
        {
          ...{ id: `msg_${message.subject}_0`, type: 'message', role: 'assistant', status: 'completed' },
          content: [{ type: 'output_text', text: 'Hello', annotations: [] }],
        },
      ],
      usage: {
        ...{ input_tokens: 3, output_tokens: 5, total_tokens: 8 },
        ...{ input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } },
      },
    });
  });

  it('is incomplete where its answer was cut', async () => {
    const { answer, message } = await begin(() => client.responses.create(question));
    await gateway.worker.complete(message, { content: 'On and' }, { finish_reason: 'length' });
    expect(await answer).toMatchObject({
      ...{ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      output: [{ status: 'incomplete' }],
    });
  });

  it('has the logprobs of its text where they were asked for', async () => {
    const { answer, message } = await begin(() =>
      client.responses.create({ ...question, include: ['message.output_text.logprobs'] }),
    );
    const content = [{ token: 'Hello', logprob: -0.5, bytes: [72], top_logprobs: [] }];
    const extra = { choices: [{ index: 0, logprobs: { content } }] };
    await gateway.worker.complete(message, { content: 'Hello' }, { extra });
    expect((await answer).output).toMatchObject([{ content: [{ text: 'Hello', logprobs: content }] }]);
  });

  it('makes calls, and goes on with their outputs', async () => {
    const first = await begin(() => client.responses.create({ ...question, tools: [TOOL] }));
    const call = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } };
    await gateway.worker.complete(
      first.message,
      { content: null, tool_calls: [call] },
      { finish_reason: 'tool_calls' },
    );
    const { output } = await first.answer;
    expect(output).toMatchObject([
      { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{"city":"Bern"}' },
    ]);
    const second = await begin(() =>
      client.responses.create({
        ...{ model: MODEL, tools: [TOOL] },
        input: [
          { role: 'user', content: 'Hi' },
          ...(output as OpenAI.Responses.ResponseInputItem[]),
          { type: 'function_call_output', call_id: 'c1', output: 'sunny' },
        ],
      }),
    );
    expect(second.message.data.request.messages).toEqual([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
    ]);
    await gateway.worker.complete(second.message, { content: 'It is sunny.' });
    expect((await second.answer).output_text).toBe('It is sunny.');
  });

  it('takes what was stored here by its id alone', async () => {
    const first = await begin(() => client.responses.create(question));
    await gateway.worker.complete(first.message, { content: 'Hello' });
    const [said] = (await first.answer).output;
    const second = await begin(() =>
      client.responses.create({
        model: MODEL,
        input: [
          { role: 'user', content: 'Hi' },
          { type: 'item_reference', id: said!.id! },
          { role: 'user', content: 'And now?' },
        ],
      }),
    );
    expect(second.message.data.request.messages).toEqual([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'And now?' },
    ]);
    await gateway.worker.complete(second.message, { content: 'x' });
    await second.answer;
    const unknown = await post({ ...question, input: [{ type: 'item_reference', id: 'msg_1' }] });
    expect(unknown.json.error).toMatchObject({ param: 'input[0].id' });
  });

  it('is not made of more than may be sent, however short its names are', async () => {
    const first = await begin(() => client.responses.create({ ...question, input: 'x'.repeat(200_000) }));
    await gateway.worker.complete(first.message, { content: 'Hello' });
    await first.answer;
    const named = { type: 'item_reference', id: `msg_${first.message.subject}_i0` };
    const before = await gateway.log.lastSequence();
    const { status, json } = await post({ ...question, input: Array.from({ length: 2_000 }, () => named) });
    expect({ status, error: json.error }).toMatchObject({ status: 413, error: { param: 'input' } });
    expect(await gateway.log.lastSequence()).toBe(before);
  });

  it('tells a rejection with the status of the endpoint', async () => {
    const { answer, message } = await begin(() => client.responses.create(question));
    await gateway.worker.deadLetter(message, {
      ...{ code: 'endpoint_rejected', message: 'Too long', retryable: false, status: 400 },
      remote: { status: 400, code: 'context_length_exceeded', type: null, param: null },
    });
    await expect(answer).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded' });
  });
});

describe('what can not be served', () => {
  it.each([
    ['tools[0].type', { tools: [{ type: 'web_search' }] }],
    ['tools[0].type', { tools: [{ type: 'mcp', server_label: 'x', server_url: 'http://x' }] }],
    ['input[0].type', { input: [{ type: 'computer_call_output' }] }],
    ['prompt', { prompt: { id: 'pmpt_1' } }],
    ['input', { input: undefined }],
    ['background', { background: true, store: false }],
    ['conversation', { conversation: {} }],
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    [
      'previous_response_id',
      { previous_response_id: `resp_${'0'.repeat(8)}-0000-7000-8000-${'0'.repeat(12)}`, conversation: 'a' },
    ],
    ['priority', { priority: 'high' }],
    ['stream', { stream: 'yes' }],
  ])('is refused by its name: %s', async (param, fields) => {
    const before = await gateway.log.lastSequence();
    const { status, json } = await post({ ...question, ...fields });
    expect({ status, param: json.error?.param, type: json.error?.type }).toEqual({
      ...{ status: 400, param, type: 'invalid_request_error' },
    });
    expect(await gateway.log.lastSequence()).toBe(before);
  });

  it('is told by a plain word', async () => {
    const { json } = await post({ ...question, tools: [{ type: 'file_search', vector_store_ids: [] }] });
    expect(json.error.message).toBe(
      'tools[0].type is file_search, and only function is served: there are no hosted tools here',
    );
  });
});

describe('a streamed response', () => {
  it('has the events that clients rely on, in their order', async () => {
    const { answer, message } = await begin(() => client.responses.create({ ...question, stream: true }));
    const id = message.subject;
    const stream = await answer;
    gateway.worker.piece(id, 1, { role: 'assistant', content: 'Hel' });
    gateway.worker.piece(id, 2, { content: 'lo' });
    await gateway.worker.complete(message, { content: 'Hello' });
    const events = await eventsOf(stream);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at));
    const deltas = events.filter(({ type }) => type === 'response.output_text.delta') as {
      delta: string;
    }[];
    expect(deltas.map(({ delta }) => delta).join('')).toBe('Hello');
    expect(typesOf(events)).toEqual([
      ...['created', 'in_progress', 'output_item.added', 'content_part.added'],
      ...deltas.map(() => 'output_text.delta'),
      ...['output_text.done', 'content_part.done', 'output_item.done', 'completed'],
    ]);
    expect(events[0]).toMatchObject({ response: { id: `resp_${id}`, status: 'in_progress', output: [] } });
    expect(events.at(-1)).toMatchObject({
      response: { status: 'completed', usage: { input_tokens: 3 }, output: [{ id: `msg_${id}_0` }] },
    });
  });

  it('tells its id before any model speaks', async () => {
    const { answer, message } = await begin(() => client.responses.create({ ...question, stream: true }));
    const events = (await answer)[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({
      ...{ type: 'response.created', response: { id: `resp_${message.subject}` } },
    });
    await gateway.worker.complete(message, { content: 'x' });
    for (let event = await events.next(); event.done !== true; event = await events.next());
  });

  it('is joined by the helper of the SDK, calls and all', async () => {
    const { answer, message } = await begin(async () => {
      const helper = client.responses.stream({ ...question, tools: [TOOL] });
      return { final: await helper.finalResponse() };
    });
    const id = message.subject;
    const call = (fields: object) => ({ tool_calls: [{ index: 0, ...fields }] });
    gateway.worker.piece(id, 1, { reasoning_content: 'Weather.' });
    gateway.worker.piece(id, 2, { content: 'I look.' });
    gateway.worker.piece(
      id,
      3,
      call({ id: 'c1', type: 'function', function: { name: 'weather', arguments: '' } }),
    );
    gateway.worker.piece(id, 4, call({ function: { arguments: '{"city":' } }));
    gateway.worker.piece(id, 5, call({ function: { arguments: '"Bern"}' } }));
    await gateway.worker.complete(
      message,
      {
        ...{ content: 'I look.', reasoning_content: 'Weather.' },
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } },
        ],
      },
      { finish_reason: 'tool_calls' },
    );
    const { final } = await answer;
    expect(final.output).toMatchObject([
      { type: 'reasoning', content: [{ text: 'Weather.' }] },
      { type: 'message', content: [{ text: 'I look.' }] },
      { type: 'function_call', call_id: 'c1', arguments: '{"city":"Bern"}', status: 'completed' },
    ]);
  });

  it('ends with a failure that says why', async () => {
    const { answer, message } = await begin(() => client.responses.create({ ...question, stream: true }));
    const error = { code: 'endpoint_failed', message: 'It is broken.', retryable: true, status: 500 };
    await gateway.worker.deadLetter(message, error);
    const events = await eventsOf(await answer);
    expect(events.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'endpoint_failed', message: 'It is broken.' } },
    });
  });

  it('breaks off by an error that clients throw, where the next attempt says something else', async () => {
    const { answer, message } = await begin(() => client.responses.create({ ...question, stream: true }));
    const stream = await answer;
    gateway.worker.piece(message.subject, 1, { content: 'One' });
    const reading = eventsOf(stream);
    reading.catch(() => undefined);
    await gateway.worker.complete(message, { content: 'Two' });
    await expect(reading).rejects.toMatchObject({ code: 'stream_interrupted' });
  });
});
