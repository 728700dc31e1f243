import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { type RunningService, startService } from '../support/service.js';

let service: RunningService;
let client: OpenAI;

beforeAll(async () => {
  service = await startService({
    config: {
      queue: { retry: { base_delay_ms: 50, max_delay_ms: 200 } },
      // However loaded the machine is, a stream that fails has its own status.
      openai: { stream_headers_after_ms: 60_000 },
    },
  });
  client = new OpenAI({ baseURL: `${service.baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => service?.stop());

const ask = (content: string) => ({ model: 'demo', messages: [{ role: 'user' as const, content }] });

async function read(
  id: string,
): Promise<{ status: string; result: { content: string } | null; attempts: number }> {
  return (await fetch(`${service.baseUrl}/api/v1/messages/${id}?wait=60s`)).json() as never;
}

const messageIdOf = (completionId: string) => completionId.replace('chatcmpl-', '');

describe('OpenAI’s own client', () => {
  it('gets a completion', async () => {
    const completion = await client.chat.completions.create(ask('What is a lane?'));
    expect(completion).toMatchObject({
      ...{ object: 'chat.completion', model: 'demo' },
      choices: [
        { finish_reason: 'stop', message: { role: 'assistant', content: expect.stringContaining('a lane') } },
      ],
      usage: { total_tokens: expect.any(Number) },
    });
    const stored = await read(messageIdOf(completion.id));
    expect(stored.result?.content).toBe(completion.choices[0]?.message.content);
  });

  it('gets a stream that says the same as what is stored', async () => {
    const stream = await client.chat.completions.create({
      // Slowly: what comes while this machine stands still is one piece.
      ...ask('Tell me of turns. [[demo:tokens 100]] [[demo:rate 20]]'),
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: OpenAI.CompletionUsage | null | undefined;
    let finish: string | null | undefined;
    let id = '';
    let pieces = 0;
    for await (const chunk of stream) {
      id = chunk.id;
      pieces += chunk.choices[0]?.delta.content ? 1 : 0;
      text += chunk.choices[0]?.delta.content ?? '';
      finish ??= chunk.choices[0]?.finish_reason;
      usage ??= chunk.usage;
    }
    expect(pieces).toBeGreaterThan(3);
    expect(finish).toBe('stop');
    expect(usage?.total_tokens).toBeGreaterThan(0);
    expect((await read(messageIdOf(id))).result?.content).toBe(text);
  });

  it('gets many streams at once, each its own', async () => {
    const texts = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const stream = client.chat.completions.stream(ask(`subject ${at}. [[demo:rate 200]]`));
        return (await stream.finalChatCompletion()).choices[0]?.message.content;
      }),
    );
    texts.forEach((text, at) => {
      expect(text).toContain(`subject ${at}.`);
    });
  });

  it('gets tool calls, streamed and not', async () => {
    const tools = [
      {
        type: 'function' as const,
        function: { name: 'get_weather', parameters: { type: 'object', properties: {} } },
      },
    ];
    const question = { ...ask('[[demo:tool get_weather]]'), tools };
    const whole = await client.chat.completions.create(question);
    const streamed = await client.chat.completions.stream(question).finalChatCompletion();
    for (const { choices } of [whole, streamed]) {
      expect(choices[0]?.finish_reason).toBe('tool_calls');
      expect(choices[0]?.message.tool_calls).toMatchObject([
        { type: 'function', function: { name: 'get_weather' } },
      ]);
    }
  });

  it('is told of a rejection with its status, and of a failure after the retries', async () => {
    const rejected = client.chat.completions.create(ask('[[demo:fail 422]]'));
    await expect(rejected).rejects.toMatchObject({
      ...{ status: 422, code: 'demo_failure', error: { llmq_code: 'endpoint_rejected' } },
    });
    const failed = client.chat.completions.create(ask('[[demo:fail 500]]'), {
      headers: { 'x-llmq-max-retries': '1' },
    });
    await expect(failed).rejects.toMatchObject({
      status: 502,
      message: expect.stringContaining('2 attempts'),
    });
    const streamed = client.chat.completions.create({ ...ask('[[demo:fail 422]]'), stream: true });
    await expect(streamed).rejects.toMatchObject({ status: 422 });
  });

  it('gets one answer where the endpoint breaks off in the middle of the first attempt', async () => {
    const content = `[[demo:break after=4 times=1]] [[demo:rate 100]] ${Math.random()}`;
    const stream = await client.chat.completions.create({ ...ask(content), stream: true });
    let text = '';
    let id = '';
    for await (const chunk of stream) {
      id = chunk.id;
      text += chunk.choices[0]?.delta.content ?? '';
    }
    const stored = await read(messageIdOf(id));
    expect(stored).toMatchObject({ status: 'completed', attempts: 2 });
    expect(stored.result?.content).toBe(text);
  });

  it('loses nothing by going away', async () => {
    const stream = await client.chat.completions.create({ ...ask('[[demo:tokens 40]]'), stream: true });
    let id = '';
    for await (const chunk of stream) {
      id = chunk.id;
      break;
    }
    const stored = await read(messageIdOf(id));
    expect(stored.status).toBe('completed');
  });

  it('goes on with a text, whole and streamed', async () => {
    const whole = await client.completions.create({
      model: 'demo',
      prompt: 'Once upon a time',
      max_tokens: 50,
    });
    expect(whole).toMatchObject({ object: 'text_completion', choices: [{ finish_reason: 'stop' }] });
    expect(whole.choices[0]?.text).toContain('Once upon a time');
    let text = '';
    const asked = { model: 'demo', prompt: 'Once upon a time', stream: true } as const;
    for await (const chunk of await client.completions.create(asked)) text += chunk.choices[0]?.text ?? '';
    expect(text).toBe(whole.choices[0]?.text);
    expect(await read(whole.id.replace('cmpl-', ''))).toMatchObject({
      ...{ status: 'completed', kind: 'completion', result: { content: text } },
    });
  });

  it('gets embeddings of a batch, in the encoding that it asks for by itself', async () => {
    const input = ['one', 'two', 'three'];
    const coded = await client.embeddings.create({ model: 'demo', input });
    const floats = await client.embeddings.create({ model: 'demo', input, encoding_format: 'float' });
    expect(coded.data.map(({ embedding }) => [...embedding])).toEqual(
      floats.data.map(({ embedding }) => embedding),
    );
    expect(coded.data).toHaveLength(3);
    expect(coded.usage.total_tokens).toBeGreaterThan(0);
  });

  it('lists the models', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toContain('demo');
    await expect(client.chat.completions.create({ ...ask('x'), model: 'none' })).rejects.toMatchObject({
      ...{ status: 404, code: 'model_not_found' },
    });
  });
});
