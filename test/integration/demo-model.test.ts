import OpenAI from 'openai';
import { demoAnswer, demoTokens } from '../../src/demo-model/demo-answer.policy.js';
import { type DemoModelServer, startDemoModel } from '../../src/demo-model/demo-server.js';
import { eventually } from '../support/eventually.js';

let server: DemoModelServer;
let client: OpenAI;

const user = (content: string) => [{ role: 'user' as const, content }];

beforeAll(async () => {
  server = await startDemoModel({ port: 0, tokensPerSecond: 2_000, recordTexts: true });
  client = new OpenAI({ baseURL: server.url, apiKey: 'any', maxRetries: 0 });
});
afterAll(() => server.close());

/** The error of a call by the official client. */
async function failureOf(content: string, stream = false): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    if (stream)
      for await (const _ of await client.chat.completions.create({
        model: 'demo',
        messages: user(content),
        stream: true,
      }));
    else await client.chat.completions.create({ model: 'demo', messages: user(content) });
  } catch (error) {
    return error as InstanceType<typeof OpenAI.APIError>;
  }
  throw new Error('The call succeeded.');
}

describe('the demo model, called by the openai package', () => {
  it('lists its models', async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toEqual(['demo', 'demo-fast', 'demo-slow']);
  });

  it('answers in one piece', async () => {
    const messages = user('What is a queue? 队列是什么 🌍');
    const completion = await client.chat.completions.create({ model: 'demo', messages });
    const answer = demoAnswer(messages);
    expect(completion.choices[0]).toMatchObject({ message: { content: answer }, finish_reason: 'stop' });
    expect(completion.usage).toMatchObject({ completion_tokens: demoTokens(answer).length });
  });

  it('goes on with texts, whole and streamed, each by its index', async () => {
    const ask = { model: 'demo', prompt: ['one', 'two'], max_tokens: 500 };
    const answers = ask.prompt.map((prompt) => demoAnswer(user(prompt)));
    const whole = await client.completions.create(ask);
    expect(whole.choices.map(({ text }) => text)).toEqual(answers);
    expect(whole.object).toBe('text_completion');
    const texts = ['', ''];
    for await (const { choices } of await client.completions.create({ ...ask, stream: true })) {
      for (const { index, text } of choices) texts[index] += text;
    }
    expect(texts).toEqual(answers);
  });

  it('makes embeddings, the same in both encodings', async () => {
    const ask = { model: 'demo', input: ['one', 'two'], dimensions: 5 };
    const decoded = (await client.embeddings.create(ask)).data.map(({ embedding }) => [...embedding]);
    const floats = (await client.embeddings.create({ ...ask, encoding_format: 'float' })).data;
    expect(floats.map(({ embedding }) => embedding)).toEqual(decoded);
    expect(decoded.map(({ length }) => length)).toEqual([5, 5]);
    expect(decoded[0]).not.toEqual(decoded[1]);
    const failing = client.embeddings.create({ model: 'demo', input: '[[demo:fail 503]]' });
    await expect(failing).rejects.toMatchObject({ status: 503 });
  });

  it('streams the same answer token by token, with the usage at the end', async () => {
    const messages = user('What is a lane?');
    const stream = await client.chat.completions.create({
      model: 'demo',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const pieces: string[] = [];
    let usage: unknown;
    for await (const chunk of stream) {
      const piece = chunk.choices[0]?.delta.content;
      if (piece) pieces.push(piece);
      usage = chunk.usage ?? usage;
    }
    expect(pieces).toEqual(demoTokens(demoAnswer(messages)));
    expect(usage).toMatchObject({ completion_tokens: pieces.length });
  });

  it('keeps to its rate', async () => {
    const startedMs = performance.now();
    const messages = user('[[demo:tokens 21]] [[demo:rate 100]]');
    await client.chat.completions.create({ model: 'demo', messages });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(199);
  });

  it('calls a tool', async () => {
    const runner = client.chat.completions.stream({
      model: 'demo',
      messages: user('[[demo:tool get_weather]]'),
    });
    const { message, finish_reason } = (await runner.finalChatCompletion()).choices[0]!;
    expect(finish_reason).toBe('tool_calls');
    expect(message.tool_calls?.[0]).toMatchObject({
      type: 'function',
      function: { name: 'get_weather', arguments: '{"demo":true}' },
    });
  });

  it('gives each call an id, and answers when it is told what the tool says', async () => {
    const asked = user('[[demo:tool get_weather city=Berlin]]');
    const create = (messages: OpenAI.ChatCompletionMessageParam[]) =>
      client.chat.completions.create({ model: 'demo', messages });
    const [call, other] = await Promise.all(
      [1, 2].map(async () => (await create(asked)).choices[0]!.message.tool_calls![0]!),
    );
    expect(call).toMatchObject({ function: { name: 'get_weather', arguments: '{"city":"Berlin"}' } });
    expect(call!.id).not.toBe(other!.id);
    const called = [...asked, { role: 'assistant' as const, tool_calls: [call!] }];
    const told = await create([...called, { role: 'tool', tool_call_id: call!.id, content: 'It rains.' }]);
    expect(told.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: expect.stringContaining('It rains.') },
    });
  });

  it('cuts an answer at max_tokens', async () => {
    const messages = user('[[demo:tokens 9]]');
    const completion = await client.chat.completions.create({ model: 'demo', messages, max_tokens: 4 });
    expect(completion.choices[0]).toMatchObject({
      finish_reason: 'length',
      message: { content: 'word1 word2 word3 word4' },
    });
  });

  it('refuses fields that it does not know, an unknown model and a wrong directive', async () => {
    const call = (body: object) =>
      client.chat.completions.create({ model: 'demo', messages: user('x'), ...body } as never);
    await expect(call({ priority: 'high' })).rejects.toMatchObject({
      status: 400,
      code: 'unknown_parameter',
      param: 'priority',
    });
    await expect(call({ model: 'gpt-0' })).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    await expect(call({ messages: user('[[demo:dance]]') })).rejects.toMatchObject({
      status: 400,
      code: 'invalid_directive',
    });
    await expect(call({ messages: [] })).rejects.toMatchObject({ status: 400, param: 'messages' });
  });

  it('fails with a status and a Retry-After', async () => {
    const failure = await failureOf('[[demo:429 retry_after=7]]');
    expect(failure).toMatchObject({ status: 429, code: 'demo_failure' });
    expect(failure.headers?.get('retry-after')).toBe('7');
  });

  it('fails the first calls with a text, then answers', async () => {
    const text = '[[demo:fail 503 times=2]] once more';
    expect(await failureOf(text)).toMatchObject({ status: 503 });
    expect(await failureOf(text, true)).toMatchObject({ status: 503 });
    const messages = user(text);
    const completion = await client.chat.completions.create({ model: 'demo', messages });
    expect(completion.choices[0]!.message.content).toBe(demoAnswer(messages));
  });

  it('breaks off mid-stream, after the tokens it was told', async () => {
    const stream = await client.chat.completions.create({
      model: 'demo',
      messages: user('[[demo:tokens 9]] [[demo:break after=5]]'),
      stream: true,
    });
    const pieces: unknown[] = [];
    const read = async () => {
      for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content);
    };
    await expect(read()).rejects.toThrow();
    expect(pieces).toEqual(['word1', ' word2', ' word3', ' word4', ' word5']);
  });

  it('tells an error inside a stream', async () => {
    expect(await failureOf('[[demo:error after=2]]', true)).toMatchObject({ code: 'demo_failure' });
  });

  it('hangs, and tells when the client went away', async () => {
    const text = '[[demo:hang]] here';
    const leaving = new AbortController();
    const answer = client.chat.completions.create(
      { model: 'demo', messages: user(text) },
      { signal: leaving.signal },
    );
    answer.catch(() => undefined);
    await eventually(() => expect(server.calls().calls.some((call) => call.text === text)).toBe(true));
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await eventually(() => {
      expect(server.calls().calls.find((call) => call.text === text)?.outcome).toBe('left');
    });
  });

  it('tells what it was asked', async () => {
    const text = 'for the record';
    await client.chat.completions.create({ model: 'demo', messages: user(text), temperature: 0.3 });
    const response = await fetch(new URL('/demo/calls', server.url));
    const { total, open, calls } = (await response.json()) as ReturnType<DemoModelServer['calls']>;
    expect({ total, open }).toEqual({ total: server.calls().total, open: 0 });
    expect(calls.at(-1)).toMatchObject({
      text,
      model: 'demo',
      outcome: 'answered',
      body: { temperature: 0.3 },
    });
  });

  it('keeps nothing of what users write unless told to', async () => {
    const discreet = await startDemoModel({ port: 0 });
    try {
      const other = new OpenAI({ baseURL: discreet.url, apiKey: 'any' });
      await other.chat.completions.create({ model: 'demo-fast', messages: user('a secret') });
      expect(JSON.stringify(discreet.calls())).not.toContain('secret');
      expect(discreet.calls().calls).toMatchObject([{ model: 'demo-fast', text: null, body: null }]);
    } finally {
      await discreet.close();
    }
  });
});
