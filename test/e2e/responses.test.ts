import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { eventually } from '../support/eventually.js';
import { type RecordingModel, startRecordingModel } from '../support/recording-model.js';
import { type RunningService, startService } from '../support/service.js';

type Event = OpenAI.Responses.ResponseStreamEvent;

let client: OpenAI;

function clientOf({ baseUrl }: RunningService): OpenAI {
  return new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
}

const demo = (input: string) => ({ model: 'demo', input });
const heard = (input: string) => ({ model: 'heard', input });

async function eventsOf(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

const textIn = (events: readonly Event[]) =>
  events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');

describe('OpenAI’s own client', () => {
  let service: RunningService;

  beforeAll(async () => {
    service = await startService();
    client = clientOf(service);
  });
  afterAll(async () => service?.stop());

  it('gets a response, and reads it again', async () => {
    const response = await client.responses.create(demo('What is a lane?'));
    expect(response).toMatchObject({ status: 'completed', model: 'demo', object: 'response' });
    expect(response.output_text).toContain('a lane');
    expect(response.usage?.total_tokens).toBeGreaterThan(0);
    const again = await client.responses.retrieve(response.id);
    expect(again.output).toEqual(response.output);
  });

  it('gets a stream whose helper joins it', async () => {
    const stream = client.responses.stream(demo('Tell me of turns.'));
    const events = await eventsOf(stream);
    const final = await stream.finalResponse();
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, at) => at));
    expect(textIn(events).length).toBeGreaterThan(10);
    expect(final.output).toMatchObject([{ content: [{ text: textIn(events) }] }]);
  });

  it('gets calls of its functions, streamed and not', async () => {
    const tools = [
      { type: 'function' as const, name: 'get_weather', strict: false, parameters: { type: 'object' } },
    ];
    const question = { ...demo('[[demo:tool get_weather]]'), tools };
    const whole = await client.responses.create(question);
    const streamed = await client.responses.stream(question).finalResponse();
    for (const { output } of [whole, streamed]) {
      expect(output).toMatchObject([{ type: 'function_call', name: 'get_weather', status: 'completed' }]);
    }
  });

  it('goes on with a stream that it lost, to the same text', async () => {
    const had: Event[] = [];
    const stream = await client.responses.create({ ...demo('[[demo:rate 50]] On and on.'), stream: true });
    let id = '';
    for await (const event of stream) {
      had.push(event);
      if (event.type === 'response.created') id = event.response.id;
      if (textIn(had).length > 10) break;
    }
    const rest = await eventsOf(
      await client.responses.retrieve(id, {
        ...{ stream: true, starting_after: had.at(-1)!.sequence_number },
      }),
    );
    const all = [...had, ...rest];
    expect(all.map(({ sequence_number }) => sequence_number)).toEqual(all.map((_, at) => at));
    const stored = await client.responses.retrieve(id);
    expect(textIn(all)).toBe(stored.output_text);
  });

  it('leaves a response in the background at its first event, which ends all the same', async () => {
    const stream = await client.responses.create({ ...demo('In the dark.'), background: true, stream: true });
    let id = '';
    for await (const event of stream) {
      if (event.type === 'response.created') id = event.response.id;
      break;
    }
    await eventually(async () => {
      expect(await client.responses.retrieve(id)).toMatchObject({ status: 'completed', background: true });
    });
  });

  it('is told of a rejection with its status, and in a stream by its failure', async () => {
    await expect(client.responses.create(demo('[[demo:fail 422]]'))).rejects.toMatchObject({
      ...{ status: 422, code: 'demo_failure' },
    });
    const failing = await client.responses.create({ ...demo('[[demo:fail 422]]'), stream: true });
    expect((await eventsOf(failing)).at(-1)).toMatchObject({
      ...{ type: 'response.failed', response: { status: 'failed', error: { code: 'demo_failure' } } },
    });
  });
});

describe('a service whose endpoint is asked by Responses, here another service', () => {
  let behind: RunningService;
  let front: RunningService;

  beforeAll(async () => {
    behind = await startService();
    const endpoint = { name: 'behind', base_url: `${behind.baseUrl}/v1`, models: ['demo'], api: 'responses' };
    front = await startService({ config: { endpoints: [endpoint] } });
    client = clientOf(front);
  });
  afterAll(async () => {
    await front?.stop();
    await behind?.stop();
  });

  const messages = [{ role: 'user' as const, content: 'What is a lane?' }];

  it('answers chats and responses, streamed and not, with their usage', async () => {
    const chat = await client.chat.completions.create({ model: 'demo', messages, max_tokens: 500 });
    expect(chat.choices[0]).toMatchObject({ finish_reason: 'stop' });
    expect(chat.choices[0]!.message.content).toContain('a lane');
    expect(chat.usage?.completion_tokens).toBeGreaterThan(0);
    const stream = client.chat.completions.stream({ model: 'demo', messages });
    expect((await stream.finalChatCompletion()).choices[0]!.message.content).toContain('a lane');
    const response = await client.responses.create(demo('What is a turn?'));
    expect(response.output_text).toContain('a turn');
  });

  it('has its tools called, and answers with what they say', async () => {
    const parameters = { type: 'object', properties: {} };
    const tools = [{ type: 'function' as const, function: { name: 'get_weather', parameters } }];
    const question = { role: 'user' as const, content: '[[demo:tool get_weather city=Berlin]]' };
    const called = await client.chat.completions.create({ model: 'demo', messages: [question], tools });
    const { message, finish_reason } = called.choices[0]!;
    expect(finish_reason).toBe('tool_calls');
    const [call] = message.tool_calls!;
    expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather' } });
    const result = { role: 'tool' as const, tool_call_id: call!.id, content: 'It is sunny.' };
    const answered = await client.chat.completions.create({
      ...{ model: 'demo', messages: [question, message, result], tools },
    });
    expect(answered.choices[0]!.message.content).toContain('sunny');
  });

  it('refuses by its name what Responses have no words for', async () => {
    const seeded = client.chat.completions.create({ model: 'demo', messages, seed: 1 });
    await expect(seeded).rejects.toMatchObject({
      ...{ status: 400, code: 'unsupported_parameter', param: 'seed' },
    });
  });
});

describe('what came before', () => {
  let model: RecordingModel;
  let service: RunningService;

  beforeAll(async () => {
    model = await startRecordingModel({
      failing: 0,
      takesMs: 0,
      answer: (question) => `I heard ${question}`,
    });
    const endpoints = [{ name: 'recording', base_url: model.url, models: ['heard'] }];
    service = await startService({ config: { endpoints } });
    client = clientOf(service);
  });
  afterAll(async () => {
    await service?.stop();
    await model?.close();
  });

  /** What the model was sent last. */
  const lastSent = () => model.calls.at(-1)!.messages;

  it('goes to the model from response to response, on each branch its own, and no instructions with it', async () => {
    const first = await client.responses.create({ ...heard('one'), instructions: 'Be short.' });
    expect(lastSent()).toEqual([
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'one' },
    ]);
    const before = [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'I heard one' },
    ];
    const second = await client.responses.create({ ...heard('two'), previous_response_id: first.id });
    expect(lastSent()).toEqual([...before, { role: 'user', content: 'two' }]);
    await client.responses.create({
      ...{ ...heard('other'), previous_response_id: first.id, instructions: 'Be kind.' },
    });
    expect(lastSent()).toEqual([
      { role: 'system', content: 'Be kind.' },
      ...before,
      { role: 'user', content: 'other' },
    ]);
    await client.responses.create({ ...heard('three'), previous_response_id: second.id });
    expect(lastSent()).toEqual([
      ...before,
      { role: 'user', content: 'two' },
      { role: 'assistant', content: 'I heard two' },
      { role: 'user', content: 'three' },
    ]);
    await client.responses.delete(first.id);
    await client.responses.create({ ...heard('four'), previous_response_id: second.id });
    expect(lastSent()).toEqual([
      { role: 'user', content: 'two' },
      { role: 'assistant', content: 'I heard two' },
      { role: 'user', content: 'four' },
    ]);
  });

  it('may be all that goes to the model, which speaks again', async () => {
    const first = await client.responses.create(heard('one'));
    const said = [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'I heard one' },
    ];
    const again = await client.responses.create({ model: 'heard', previous_response_id: first.id });
    expect(lastSent()).toEqual(said);
    expect((await client.responses.inputItems.list(again.id)).data).toEqual([]);
    await client.responses.create({ ...heard('two'), previous_response_id: again.id });
    expect(lastSent()).toEqual([
      ...said,
      { role: 'assistant', content: again.output_text },
      { role: 'user', content: 'two' },
    ]);
    const { id } = await client.conversations.create({ items: [{ role: 'user', content: 'noted' }] });
    for (const input of [undefined, '', []]) {
      await client.responses.create({ model: 'heard', conversation: id, input });
    }
    const noted = { role: 'user', content: 'noted' };
    const heardNoted = { role: 'assistant', content: 'I heard noted' };
    expect(lastSent().slice(0, 2)).toEqual([noted, heardNoted]);
    expect((await client.conversations.items.list(id)).data).toHaveLength(4);
    await expect(client.responses.create({ model: 'heard' })).rejects.toMatchObject({
      ...{ status: 400, param: 'input' },
    });
  });

  it('is what a conversation holds', async () => {
    const { id } = await client.conversations.create();
    const first = await client.responses.create({ ...heard('one'), conversation: id });
    await client.responses.create({ ...heard('two'), conversation: id });
    const all = [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'I heard one' },
      { role: 'user', content: 'two' },
    ];
    expect(lastSent()).toEqual(all);
    await client.responses.create({ ...heard('aside'), previous_response_id: first.id });
    expect(lastSent()).toEqual([...all.slice(0, 2), { role: 'user', content: 'aside' }]);
    expect((await client.conversations.items.list(id)).data).toHaveLength(4);
    await client.conversations.items.create(id, {
      items: [
        { role: 'user', content: 'noted' },
        { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: 'done' },
      ],
    });
    await client.responses.create({ ...heard('three'), conversation: id });
    expect(lastSent().slice(4)).toEqual([
      { role: 'user', content: 'noted' },
      {
        ...{ role: 'assistant', content: null },
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'done' },
      { role: 'user', content: 'three' },
    ]);
  });
});
