import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { runLlmq } from '../support/llmq-command.js';
import { type RecordingModel, startRecordingModel } from '../support/recording-model.js';
import { type RunningService, startService } from '../support/service.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

const answerTo = (question: string) => `answer to ${question}`;

describe('turns of a conversation', () => {
  let model: RecordingModel;
  let sums: RecordingModel;
  const refused = new Set<string>();
  let service: RunningService;

  beforeAll(async () => {
    const refuses = (question: string) => refused.has(question);
    // Longer than any machine takes for what is to happen meanwhile.
    const takesMs = (question: string) => (/^(long|open )/.test(question) ? 60_000 : 400);
    model = await startRecordingModel({ failing: 0, takesMs, answer: answerTo, refuses });
    sums = await startRecordingModel({ failing: 0, takesMs: 10, answer: () => 'They counted.' });
    const endpoints = [
      { name: 'model', base_url: model.url, models: ['m'], max_concurrency: 8 },
      { name: 'sums', base_url: sums.url, models: ['small'], max_concurrency: 1 },
    ];
    const conversation = {
      max_context_tokens: 400,
      summary: { model: 'small', after_tokens: 200, max_tokens: 50 },
    };
    service = await startService({ config: { endpoints, conversation } });
  });
  afterAll(async () => {
    await service?.stop();
    await model?.close();
    await sums?.close();
  });

  async function call(method: string, path: string, body?: object): Promise<{ status: number; json: Json }> {
    const response = await fetch(`${service.baseUrl}/api/v1${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
    });
    return { status: response.status, json: await response.json() };
  }

  const create = async (more: object) =>
    (await call('POST', '/conversations', { user_id: 'u', title: 't', ...more })).json.id as string;
  const send = (conversation: string, content: string, more: object = {}) =>
    call('POST', `/conversations/${conversation}/messages`, { content, ...more });
  const ended = async (id: string) => (await call('GET', `/messages/${id}?wait=60s`)).json;
  const sent = (content: string) =>
    model.calls.find(({ messages }) => messages.at(-1)?.content === content)?.messages;

  it('go to the model with the system prompt and every turn before them, and the log says which', async () => {
    const conversation = await create({ context: 'Be brief.' });
    const ids: string[] = [];
    // All at once: each has to wait for the answer before it.
    for (const content of ['one', 'two', 'three']) ids.push((await send(conversation, content)).json.id);
    const { status, result } = await ended(ids[2]!);
    expect([status, result.content]).toEqual(['completed', 'answer to three']);
    expect(sent('three')).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'answer to one' },
      { role: 'user', content: 'two' },
      { role: 'assistant', content: 'answer to two' },
      { role: 'user', content: 'three' },
    ]);
    const { json: timeline } = await call('GET', `/messages/${ids[2]}/events`);
    const types = timeline.data.map(({ type }: Json) => type);
    expect(types).toContain('llmq.message.held.v1');
    const dispatched = timeline.data.find(({ type }: Json) => type === 'llmq.message.dispatched.v1');
    expect(dispatched.data.context.turns).toEqual(ids.slice(0, 2));
  });

  it('go with a summary of the older ones, once there are enough of them', async () => {
    const conversation = await create({ context: 'Be brief.' });
    const many = 'word '.repeat(50);
    const ids: string[] = [];
    for (const content of ['one', 'two', 'three']) {
      ids.push((await send(conversation, `${content} ${many}`)).json.id);
      await ended(ids.at(-1)!);
    }
    await eventually(async () => {
      const { summary } = (await call('GET', `/conversations/${conversation}`)).json;
      expect(summary).toMatchObject({ content: 'They counted.', model: 'small' });
    });
    const { json } = await send(conversation, 'four');
    expect((await ended(json.id)).status).toBe('completed');
    expect(sent('four')?.[0]?.content).toBe(
      'Be brief.\n\nSummary of the conversation so far:\nThey counted.',
    );
    const { json: timeline } = await call('GET', `/messages/${json.id}/events`);
    const dispatched = timeline.data.find(({ type }: Json) => type === 'llmq.message.dispatched.v1');
    expect(dispatched.data.context.summarized_up_to).toBeGreaterThan(0);
    expect(dispatched.text).toContain('It was sent with a summary');
    expect(dispatched.data.context).toMatchObject({ left_out: false, max_tokens: 400 });
  });

  it('wait for one that its client delayed, which the status tells and the check of the log finds in order', async () => {
    // Longer on a machine that takes longer to tell of it.
    const delays = [10, 45];
    const pairs: [before: string, behind: string][] = [];
    await inOneOf(delays.length, async () => {
      const delay = delays.shift()!;
      const [seven, eight] = [`seven after ${delay}`, `eight after ${delay}`];
      pairs.push([seven, eight]);
      const conversation = await create({});
      const delayed = (await send(conversation, seven, { delay })).json.id;
      const behind = (await send(conversation, eight)).json.id;
      await eventually(
        async () => {
          const { data } = (await call('GET', '/queues/status')).json;
          expect(data.find(({ priority }: Json) => priority === 'normal')).toMatchObject({
            held: 1,
            scheduled: 1,
          });
        },
        { withinMs: delay * 1_000 },
      );
      expect((await ended(behind)).status).toBe('completed');
      expect((await ended(delayed)).status).toBe('completed');
    });
    for (const [seven, eight] of pairs) {
      await eventually(() =>
        expect(sent(eight)?.map(({ content }) => content)).toEqual([seven, answerTo(seven), eight]),
      );
    }
    await eventually(async () => {
      const { code, output } = await runLlmq(service.dataDir, 'events', 'verify', '--json');
      expect([code, JSON.parse(output).counts]).toEqual([0, {}]);
    });
  });

  it('are sent without what does not fit, and the timeline says so', async () => {
    const conversation = await create({});
    await ended((await send(conversation, 'five')).json.id);
    const { id } = (await send(conversation, `six ${'word '.repeat(500)}`)).json;
    expect((await ended(id)).status).toBe('completed');
    const { json: timeline } = await call('GET', `/messages/${id}/events`);
    const dispatched = timeline.data.find(({ type }: Json) => type === 'llmq.message.dispatched.v1');
    expect(dispatched.data.context).toMatchObject({ turns: [], left_out: true, max_tokens: 400 });
    expect(dispatched.text).toMatch(
      /Older turns did not fit into 400 tokens\..* more than the 400 that it may be/,
    );
  });

  it('count as accepted where they were requeued, and run alone there with what was answered before', async () => {
    const conversation = await create({});
    refused.add('bad');
    const bad = (await send(conversation, 'bad')).json.id;
    expect((await ended(bad)).status).toBe('failed');
    const first = (await send(conversation, 'first')).json.id;
    await ended(first);
    refused.clear();
    // All while the second one runs: it has to end, then comes the one that failed, and then the third.
    const second = (await send(conversation, 'second')).json.id;
    await call('POST', `/admin/dead-letters/${bad}/requeue`);
    const third = (await send(conversation, 'third')).json.id;
    expect((await ended(third)).status).toBe('completed');
    expect(sent('third')?.map(({ content }) => content)).toEqual(
      ['first', 'second', 'bad'].flatMap((each) => [each, answerTo(each)]).concat('third'),
    );
    const { json } = await call('GET', `/conversations/${conversation}/messages?order=oldest_first`);
    expect(json.data.map(({ id }: Json) => id)).toEqual([first, second, bad, third]);
  });

  it('are refused while another is open, where the conversation rejects them', async () => {
    const conversation = await create({ double_texting: 'reject' });
    const together = await Promise.all([
      send(conversation, 'open a'),
      send(conversation, 'open b'),
      send(conversation, 'open c'),
    ]);
    const accepted = together.filter(({ status }) => status === 202);
    expect(accepted).toHaveLength(1);
    const refused = together.filter(({ status }) => status === 409);
    expect(refused.map(({ json }) => json.code)).toEqual(['turn_open', 'turn_open']);
    const { id } = accepted[0]!.json;
    await call('POST', `/messages/${id}/cancel`);
    expect((await ended(id)).status).toBe('cancelled');
    expect((await send(conversation, 'after')).status).toBe(202);
  });

  it('interrupt the one that runs and those that wait, where they are told to', async () => {
    const conversation = await create({});
    const running = (await send(conversation, 'long')).json.id;
    const waiting = (await send(conversation, 'longer')).json.id;
    const { json } = await send(conversation, 'no, this', { double_texting: 'interrupt' });
    expect((await ended(json.id)).result.content).toBe('answer to no, this');
    expect(sent('no, this')).toEqual([{ role: 'user', content: 'no, this' }]);
    for (const id of [running, waiting]) {
      expect((await ended(id)).status).toBe('cancelled');
      const { json: timeline } = await call('GET', `/messages/${id}/events`);
      const cancelled = timeline.data.find(({ type }: Json) => type === 'llmq.message.cancelled.v1');
      expect(cancelled.data.reason).toContain(json.id);
    }
  });

  it('of a policy that nobody knows are refused', async () => {
    const conversation = await create({});
    expect(await send(conversation, 'x', { double_texting: 'shout' })).toMatchObject({
      status: 422,
      json: { code: 'invalid_fields' },
    });
  });
});
