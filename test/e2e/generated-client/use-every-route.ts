import createClient, { type Client, type ClientOptions } from 'openapi-fetch';
import type { components, paths } from './description.js';

type Api = Client<paths>;
type Message = components['schemas']['WaitingMessage'];

/** A program as people write it whose client is generated from the description: `tsc --strict` compiles it. */
/** @param goneUrl answers 410 */
export async function useEveryRoute(
  options: ClientOptions,
  endpointUrl: string,
  goneUrl: string,
): Promise<string[]> {
  const api = createClient<paths>(options);
  const used = new Set<string>();
  api.use({
    onResponse: ({ request, schemaPath }) => {
      used.add(`${request.method.toLowerCase()} ${schemaPath}`);
    },
  });
  await useMessages(api);
  await useConversations(api);
  await useOpenAi(api);
  await useBatches(api);
  await useResponses(api);
  await useOpenAiConversations(api);
  await useQueues(api);
  await useDeadLetters(api);
  await useWebhooks(api, goneUrl);
  await useRules(api);
  await useEndpoints(api, endpointUrl);
  await useScheduler(api);
  await useHealth(api);
  return [...used];
}

interface Told<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

async function told<T>(call: Promise<Told<T>>): Promise<NonNullable<T>> {
  const { data, error, response } = await call;
  if (data == null) throw new Error(`${response.status} from ${response.url}: ${JSON.stringify(error)}`);
  return data;
}

async function done(call: Promise<Told<unknown>>): Promise<void> {
  const { response } = await call;
  if (response.status !== 204) throw new Error(`${response.status} from ${response.url}`);
}

/** A stream that has no end of its own. */
async function left(call: Promise<Told<ReadableStream<Uint8Array> | null>>): Promise<void> {
  await (await told(call)).cancel();
}

async function until<T>(read: () => Promise<T>, there: (value: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 600; tries += 1) {
    const value = await read();
    if (there(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('What was waited for did not come within a minute.');
}

async function submitted(api: Api, content: string, delay?: number): Promise<string> {
  const body = { user_id: 'ann', content, delay: delay ?? null };
  return (await told(api.POST('/api/v1/messages', { body }))).id;
}

async function useMessages(api: Api): Promise<void> {
  const accepted = await told(
    api.POST('/api/v1/messages', {
      body: {
        user_id: 'ann',
        messages: [
          { role: 'system', content: 'Be short.' },
          { role: 'user', content: [{ type: 'text', text: 'What is a queue?' }] },
        ],
        priority: 'high',
        metadata: { order: 7 },
        parameters: { temperature: 0.2 },
        retry_backoff: { kind: 'fixed', base_delay_ms: 100 },
        ttl: '5m',
      },
    }),
  );
  const path = { id: accepted.id };
  const message: Message = await told(
    api.GET('/api/v1/messages/{id}', { params: { path, query: { wait: '60s' } } }),
  );
  if (message.status !== 'completed' || message.result?.content == null) throw new Error('It has no answer.');
  const tokens: number = (message.analysis?.tokens ?? 0) + (message.result.usage?.completion_tokens ?? 0);
  if (!(tokens > 0)) throw new Error('Nothing was counted.');
  await told(api.GET('/api/v1/messages', { params: { query: { user_id: 'ann', limit: 50, order: 'asc' } } }));
  await told(api.GET('/api/v1/messages/{id}/events', { params: { path, query: { after: 0, limit: 10 } } }));
  const batch = await told(
    api.POST('/api/v1/messages/batch', {
      body: { messages: [{ user_id: 'ann', content: 'One' }, { user_id: '' }] },
    }),
  );
  const [, refused] = batch.results;
  if (batch.rejected !== 1 || refused?.error?.code !== 'invalid_fields') throw new Error('It took both.');
  const [one, other] = [await submitted(api, 'Later', 600), await submitted(api, 'Later', 600)];
  await told(api.DELETE('/api/v1/messages/{id}', { params: { path: { id: one } } }));
  await told(api.POST('/api/v1/messages/{id}/cancel', { params: { path: { id: other } } }));
  await told(api.POST('/api/v1/messages/{id}/erase', { params: { path: { id: other } } }));
  await told(api.GET('/api/v1/usage', { params: { query: { group_by: 'day,model', limit: 10 } } }));
  await told(
    api.GET('/api/v1/audit/events', { params: { query: { message_id: accepted.id } }, parseAs: 'text' }),
  );
  const events = await told(
    api.GET('/api/v1/messages/{id}/stream', {
      params: { path, query: { starting_after: '0' }, header: { 'Last-Event-ID': '0' } },
      parseAs: 'text',
    }),
  );
  if (!events.includes('event: ended')) throw new Error('Its stream has no end.');
}

async function useConversations(api: Api): Promise<void> {
  const made = await told(
    api.POST('/api/v1/conversations', { body: { user_id: 'bob', title: 'Queues', priority: null } }),
  );
  const path = { id: made.id };
  const turn = await told(
    api.POST('/api/v1/conversations/{id}/messages', {
      params: { path },
      body: { user_id: 'bob', content: 'Hello' },
    }),
  );
  await told(api.GET('/api/v1/messages/{id}', { params: { path: { id: turn.id }, query: { wait: '60s' } } }));
  const turns = () => told(api.GET('/api/v1/conversations/{id}/messages', { params: { path } }));
  await until(turns, ({ data }) => data.length === 1);
  await told(api.GET('/api/v1/conversations', { params: { query: { user_id: 'bob', state: 'active' } } }));
  await told(api.GET('/api/v1/users/{user_id}/conversations', { params: { path: { user_id: 'bob' } } }));
  await told(api.GET('/api/v1/conversations/{id}', { params: { path } }));
  await told(
    api.PATCH('/api/v1/conversations/{id}', { params: { path }, body: { priority: 'low', model: null } }),
  );
  await told(api.PUT('/api/v1/conversations/{id}', { params: { path }, body: { metadata: { a: 1 } } }));
  await told(api.PUT('/api/v1/conversations/{id}/state', { params: { path }, body: { state: 'completed' } }));
  await told(api.GET('/api/v1/conversations/{id}/events', { params: { path } }));
  await left(api.GET('/api/v1/conversations/{id}/stream', { params: { path }, parseAs: 'stream' }));
  const user = { path: { user_id: 'bob' } };
  await left(api.GET('/api/v1/users/{user_id}/stream', { params: user, parseAs: 'stream' }));
  await told(api.DELETE('/api/v1/conversations/{id}', { params: { path } }));
}

async function useOpenAi(api: Api): Promise<void> {
  const { data: models } = await told(api.GET('/v1/models'));
  const model = models[0]?.id ?? '';
  await told(api.GET('/v1/models/{model}', { params: { path: { model } } }));
  const messages = [{ role: 'user', content: 'Hello' }];
  const chat = await told(
    api.POST('/v1/chat/completions', {
      params: { header: { 'x-llmq-priority': 'realtime', 'x-llmq-max-retries': 1 } },
      body: { model, messages, temperature: 0 },
    }),
  );
  // The same status has a stream's pieces too.
  if (chat.object !== 'chat.completion' || typeof chat.choices[0]?.finish_reason !== 'string') {
    throw new Error('It is no completion.');
  }
  const stream = await told(
    api.POST('/v1/chat/completions', { body: { model, messages, stream: true }, parseAs: 'text' }),
  );
  if (!stream.includes('[DONE]')) throw new Error('It did not stream.');
  await told(api.POST('/v1/completions', { body: { model, prompt: 'Once' } }));
  const { data } = await told(api.POST('/v1/embeddings', { body: { model, input: ['One', 'Two'] } }));
  if (data.length !== 2) throw new Error('An embedding is missing.');
}

async function useBatches(api: Api): Promise<void> {
  const messages = [{ role: 'user', content: 'Hello' }];
  const line = JSON.stringify({ custom_id: 'one', body: { model: 'demo', messages } });
  const file = await told(
    api.POST('/v1/files', {
      body: { file: line, purpose: 'batch' },
      bodySerializer: ({ file: content, purpose }) => {
        const form = new FormData();
        form.set('file', new Blob([content]), 'lines.jsonl');
        form.set('purpose', purpose);
        return form;
      },
    }),
  );
  const path = { file_id: file.id };
  await told(api.GET('/v1/files', { params: { query: { limit: 10, purpose: 'batch' } } }));
  await told(api.GET('/v1/files/{file_id}', { params: { path } }));
  const content = api.GET('/v1/files/{file_id}/content', { params: { path }, parseAs: 'text' });
  if ((await told(content)) !== line) throw new Error('It is another file.');
  const made = await told(
    api.POST('/v1/batches', {
      body: { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
    }),
  );
  await told(api.GET('/v1/batches', { params: { query: { limit: 10 } } }));
  const ofBatch = { path: { batch_id: made.id } };
  await until(
    async () => await told(api.GET('/v1/batches/{batch_id}', { params: ofBatch })),
    ({ status }) => status === 'completed',
  );
  await told(api.DELETE('/v1/files/{file_id}', { params: { path } }));
  const submit = async (lines: string) => {
    const query = { endpoint: '/v1/chat/completions', completion_window: '1h' } as const;
    const headers = { 'content-type': 'application/x-ndjson' };
    const asItIs = { body: lines, bodySerializer: (body: string) => body };
    return (await told(api.POST('/api/v1/batches', { params: { query }, ...asItIs, headers }))).id;
  };
  const id = await submit(line);
  await told(api.GET('/api/v1/batches', { params: { query: { limit: 10 } } }));
  await until(
    async () => await told(api.GET('/api/v1/batches/{id}', { params: { path: { id } } })),
    ({ ended_at: endedAt }) => endedAt !== null,
  );
  const results = api.GET('/api/v1/batches/{id}/results', { params: { path: { id } }, parseAs: 'text' });
  if (!(await told(results)).includes('"custom_id":"one"')) throw new Error('It has no result.');
  const endless = line.replace('Hello', '[[demo:hang]]');
  const [one, other] = [await submit(endless), await submit(endless)];
  await told(api.POST('/api/v1/batches/{id}/cancel', { params: { path: { id: one } } }));
  await told(api.POST('/v1/batches/{batch_id}/cancel', { params: { path: { batch_id: other } } }));
}

/** The same status has the events of a stream too. */
function responseIn(told: Readonly<Record<string, unknown>>): components['schemas']['Response'] {
  if (told['object'] !== 'response') throw new Error('It is no response.');
  return told as components['schemas']['Response'];
}

async function useResponses(api: Api): Promise<void> {
  const input = [{ role: 'user', content: 'Hello' }];
  const whole = api.POST('/v1/responses', { body: { model: 'demo', input, store: true } });
  const { id, output } = responseIn(await told(whole));
  if (output[0]?.type !== 'message') throw new Error('It says nothing.');
  await told(api.GET('/v1/responses/{id}', { params: { path: { id } } }));
  const query = { limit: 5, order: 'asc' } as const;
  const asked = await told(api.GET('/v1/responses/{id}/input_items', { params: { path: { id }, query } }));
  if (asked.data.length !== 1) throw new Error('What was asked is missing.');
  const stream = await told(
    api.GET('/v1/responses/{id}', { params: { path: { id }, query: { stream: true } }, parseAs: 'text' }),
  );
  if (!stream.includes('response.completed')) throw new Error('It did not stream.');
  const later = responseIn(
    await told(api.POST('/v1/responses', { body: { input: 'Hi', background: true } })),
  );
  await told(api.POST('/v1/responses/{id}/cancel', { params: { path: { id: later.id } } }));
  await told(api.DELETE('/v1/responses/{id}', { params: { path: { id } } }));
}

async function useOpenAiConversations(api: Api): Promise<void> {
  const items = [{ role: 'user', content: 'I am Ann.' }];
  const { id } = await told(api.POST('/v1/conversations', { body: { metadata: { topic: 'cats' }, items } }));
  const path = { id };
  await told(api.POST('/v1/conversations/{id}', { params: { path }, body: { metadata: {} } }));
  await told(api.GET('/v1/conversations/{id}', { params: { path } }));
  await told(api.POST('/v1/conversations/{id}/items', { params: { path }, body: { items } }));
  const list = await told(
    api.GET('/v1/conversations/{id}/items', { params: { path, query: { order: 'asc', limit: 1 } } }),
  );
  const item = list.data[0]?.id;
  if (item === undefined || !list.has_more) throw new Error('The items are missing.');
  const one = { params: { path: { id, item } } };
  await told(api.GET('/v1/conversations/{id}/items/{item}', one));
  await told(api.DELETE('/v1/conversations/{id}/items/{item}', one));
  await told(api.DELETE('/v1/conversations/{id}', { params: { path } }));
}

async function useQueues(api: Api): Promise<void> {
  const low = { params: { path: { lane: 'low' } } } as const;
  await told(api.POST('/api/v1/admin/lanes/{lane}/pause', { ...low, body: { reason: 'A trial' } }));
  await told(api.POST('/api/v1/admin/queues/{lane}/pause', low));
  const { data: lanes } = await told(api.GET('/api/v1/queues/status'));
  if (!lanes.some(({ paused }) => paused)) throw new Error('No lane is paused.');
  await told(api.POST('/api/v1/admin/lanes/{lane}/resume', low));
  await told(api.POST('/api/v1/admin/queues/{lane}/resume', low));
  await told(api.GET('/api/v1/queues/stats', { params: { query: { time_range: '24h' } } }));
}

async function useDeadLetters(api: Api): Promise<void> {
  const id = await submitted(api, '[[demo:fail 400]]');
  const letters = () =>
    told(
      api.GET('/api/v1/admin/dead-letters', {
        params: { query: { error_code: 'endpoint_rejected', limit: 5 } },
      }),
    );
  const isThere = ({ data }: Awaited<ReturnType<typeof letters>>) => data.some((letter) => letter.id === id);
  await until(letters, isThere);
  const one = { params: { path: { id } } };
  const { history } = await told(api.GET('/api/v1/admin/dead-letters/{id}', one));
  if (history.length !== 1) throw new Error('It has no history.');
  await told(api.POST('/api/v1/admin/dead-letters/{id}/requeue', { ...one, body: { reason: 'A trial' } }));
  await until(letters, isThere);
  await told(api.POST('/api/v1/admin/dead-letters/requeue', { body: { user_id: 'ann', limit: 10 } }));
  await until(letters, isThere);
  await told(api.POST('/api/v1/admin/dead-letters/requeue-all', { body: { user_id: 'ann' } }));
  await until(letters, isThere);
  await done(api.DELETE('/api/v1/admin/dead-letters/{id}', one));
}

async function useRules(api: Api): Promise<void> {
  await told(
    api.POST('/api/v1/admin/preprocessor/rules', {
      body: { id: 'vip', kind: 'keywords', keywords: ['vip'], priority: 'high', weight: 1.5 },
    }),
  );
  const vip = { params: { path: { id: 'vip' } } };
  await until(
    () => told(api.GET('/api/v1/admin/preprocessor/rules')),
    ({ data }) => data.some((rule) => rule.id === 'vip' && rule.weight === 1.5),
  );
  await told(api.GET('/api/v1/admin/preprocessor/rules/{id}', vip));
  await told(api.PATCH('/api/v1/admin/preprocessor/rules/{id}', { ...vip, body: { description: 'VIPs' } }));
  await told(
    api.PUT('/api/v1/admin/preprocessor/rules/{id}', {
      ...vip,
      body: { kind: 'pattern', pattern: '(?i)vip', priority: 'low' },
    }),
  );
  await told(api.POST('/api/v1/admin/preprocessor/rules/test', { body: { content: 'A VIP asks' } }));
  await done(api.DELETE('/api/v1/admin/preprocessor/rules/{id}', vip));
  const ann = { params: { path: { user_id: 'ann' } } };
  await told(
    api.PUT('/api/v1/admin/preprocessor/user-priorities/{user_id}', { ...ann, body: { priority: 'low' } }),
  );
  await until(
    () => told(api.GET('/api/v1/admin/preprocessor/user-priorities')),
    ({ data }) => data.some(({ user_id }) => user_id === 'ann'),
  );
  await told(
    api.POST('/api/v1/admin/preprocessor/user-priorities/{user_id}', { ...ann, body: { priority: 'high' } }),
  );
  await done(api.DELETE('/api/v1/admin/preprocessor/user-priorities/{user_id}', ann));
}

async function useWebhooks(api: Api, url: string): Promise<void> {
  const test = await told(api.POST('/api/v1/webhooks/test', { body: { url } }));
  if (test.delivered || test.http_status !== 410) throw new Error('It was taken.');
  const body = { user_id: 'ann', content: 'Hello', callback_url: url };
  const { id: message_id } = await told(api.POST('/api/v1/messages', { body }));
  const { data: failed } = await until(
    () => told(api.GET('/api/v1/webhooks/deliveries', { params: { query: { message_id } } })),
    ({ data }) => data[0]?.status === 'failed',
  );
  const { data: off } = await told(api.GET('/api/v1/webhooks/receivers'));
  const receiver = { params: { path: { id: off[0]?.id ?? '' } } };
  await told(api.POST('/api/v1/webhooks/receivers/{id}/switch-on', receiver));
  const one = { params: { path: { id: failed[0]?.id ?? '' } } };
  await told(api.GET('/api/v1/webhooks/deliveries/{id}', one));
  const { round } = await told(api.POST('/api/v1/webhooks/deliveries/{id}/redeliver', one));
  if (round !== 2) throw new Error('It is not delivered again.');
  await useBatchWebhooks(api, url);
}

async function useBatchWebhooks(api: Api, callback_url: string): Promise<void> {
  const asItIs = { body: 'no json', bodySerializer: (body: string) => body };
  const headers = { 'content-type': 'application/x-ndjson' };
  const params = { query: { callback_url } };
  const { id } = await told(api.POST('/api/v1/batches', { params, ...asItIs, headers }));
  const batch = { params: { path: { id } } };
  await until(
    () => told(api.GET('/api/v1/batches/{id}', batch)),
    ({ webhook }) => webhook?.status === 'failed',
  );
  const { webhook } = await told(api.POST('/api/v1/batches/{id}/webhook/redeliver', batch));
  if (webhook?.round !== 2) throw new Error('It is not delivered again.');
}

async function useEndpoints(api: Api, base_url: string): Promise<void> {
  const price = { input: 0.1, output: 0.4 };
  await told(
    api.POST('/api/v1/endpoints', {
      body: { name: 'gpu', base_url, models: ['plain', { name: 'priced', price }], weight: 0.5, rpm: null },
    }),
  );
  const gpu = { params: { path: { name: 'gpu' } } };
  await until(
    () => told(api.GET('/api/v1/endpoints')),
    ({ data }) => data.some(({ name }) => name === 'gpu'),
  );
  await told(api.GET('/api/v1/endpoints/{name}', gpu));
  await told(api.GET('/api/v1/endpoints/{name}/stats', gpu));
  await told(api.PATCH('/api/v1/endpoints/{name}', { ...gpu, body: { max_concurrency: 2 } }));
  await told(api.POST('/api/v1/endpoints/{name}/drain', { ...gpu, body: { reason: 'A trial' } }));
  await told(api.POST('/api/v1/endpoints/{name}/undrain', gpu));
  await told(api.GET('/api/v1/resources'));
  await done(api.DELETE('/api/v1/endpoints/{name}', gpu));
}

async function useScheduler(api: Api): Promise<void> {
  const { settings } = await told(api.PUT('/api/v1/scheduler', { body: { enabled: true, min_slots: 2 } }));
  if (settings.min_slots !== 2) throw new Error('It was not changed.');
  await until(
    () => told(api.GET('/api/v1/scheduler')),
    ({ wanted_slots }) => wanted_slots !== null,
  );
  await until(
    () => api.GET('/api/v1/scheduler/metrics', { params: { query: { lane: 'normal' } } }),
    ({ data }) => data !== undefined && data.waiting !== null,
  );
  await told(api.GET('/api/v1/scheduler/decisions', { params: { query: { limit: 5 } } }));
  await told(api.PUT('/api/v1/scheduler', { body: {} }));
}

async function useHealth(api: Api): Promise<void> {
  await told(api.GET('/api/v1/config'));
  const { findings, questions } = await told(api.GET('/api/v1/report'));
  if (questions.length !== 3 || findings.some(({ action }) => action.at === ''))
    throw new Error('It is no report.');
  await until(
    () => told(api.GET('/health')),
    ({ components }) => Object.values(components ?? {}).every(({ status }) => status === 'healthy'),
  );
  await told(api.GET('/api/v1/health'));
  await told(api.GET('/health/live'));
  await told(api.GET('/health/ready'));
}
