import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { requestBody } from '../../dispatch/endpoints/openai/chat-request.policy.js';
import { LOCAL_CALLER } from '../../domain/caller.js';
import type { CallKind } from '../../domain/message/message.events.js';
import { QUEUE_FIELDS } from '../../domain/message/queue-fields.policy.js';
import { configSchema } from '../../platform/config/config.schema.js';
import type { RefusedError } from '../../submission/refusal.js';
import { openAiRequestOf } from './openai-request.js';

const SDK = resolve(import.meta.dirname, '../../../node_modules/openai/resources');
const SETTINGS = configSchema.parse({}).openai;
const ASKED: Readonly<Record<CallKind, object>> = {
  chat: { messages: [{ role: 'user', content: 'Hi' }] },
  completion: { prompt: 'Once' },
  embeddings: { input: 'one' },
};

const requestOf = (kind: CallKind, body: object) =>
  openAiRequestOf(kind, { model: 'm', ...ASKED[kind], ...body }, {}, LOCAL_CALLER, SETTINGS);

/** What an endpoint gets of a call. */
const sentOf = (kind: CallKind, body: object) =>
  requestBody(requestOf(kind, body).submission.request, 'm', { stream: false, usage: true });

/** The fields of a request, as the SDK's types have them. */
function fieldsOf(file: string, type: string): string[] {
  const source = readFileSync(join(SDK, file), 'utf8');
  const body = new RegExp(`^export interface ${type} {\n(.*?)^}`, 'ms').exec(source)![1]!;
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => name!);
}

function problemsOf(kind: CallKind, body: object) {
  try {
    requestOf(kind, body);
  } catch (error) {
    const { refusal } = error as RefusedError;
    return 'problems' in refusal ? refusal.problems : [];
  }
  return [];
}

describe('the fields of a request', () => {
  /** What the queue does with them itself. */
  const OURS = ['model', 'stream', 'stream_options', 'service_tier'];
  const VALUES: Readonly<Record<string, unknown>> = { user: 'ann', metadata: { a: 'b' } };
  const KINDS = [
    ['chat', 'chat/completions/completions.d.ts', 'ChatCompletionCreateParamsBase'],
    ['completion', 'completions.d.ts', 'CompletionCreateParamsBase'],
    ['embeddings', 'embeddings.d.ts', 'EmbeddingCreateParams'],
  ] as const;

  it.each(KINDS)('of OpenAI reach the endpoint of a %s, but for those of the queue', (kind, file, type) => {
    const fields = fieldsOf(file, type).filter((field) => !OURS.includes(field) && !(field in ASKED[kind]));
    expect(fields).toContain('user');
    const body = Object.fromEntries(fields.map((field) => [field, VALUES[field] ?? { any: [field] }]));
    expect(sentOf(kind, body)).toEqual({ model: 'm', ...ASKED[kind], ...body });
  });

  it.each(['chat', 'completion', 'embeddings'] as const)('that nobody knows reach it too: %s', (kind) => {
    const body = { store: true, guided_json: { a: 1 }, priority: 7, keep_alive: null, content: 'x' };
    expect(sentOf(kind, body)).toMatchObject(body);
  });

  it('are told by their names where they are of no use in a body', () => {
    const read = ['ttl', 'deadline', 'fallbacks'];
    const misplaced = QUEUE_FIELDS.filter((field) => !read.includes(field));
    const problems = problemsOf('chat', Object.fromEntries(misplaced.map((field) => [field, 'low'])));
    expect(problems.map(({ field }) => field)).toEqual(misplaced);
    for (const { reason } of problems) expect(reason).toMatch(/header (x-llmq-|Idempotency-Key)|over REST/);
  });

  it('of a chat have no meaning in other calls', () => {
    expect(problemsOf('embeddings', ASKED.chat)).toMatchObject([{ field: 'messages' }]);
  });

  it('of a stream are refused where nothing follows from them', () => {
    expect(
      problemsOf('chat', { stream_options: { include_usage: true, include_obfuscation: false } }),
    ).toEqual([]);
    for (const options of [{ include_obfuscation: true }, { continuous_usage_stats: true }]) {
      const [problem] = problemsOf('chat', { stream: true, stream_options: options });
      expect(problem).toMatchObject({ field: 'stream_options' });
      expect(problem!.reason).toContain(Object.keys(options)[0]);
    }
  });
});

describe('metadata', () => {
  it('is kept with the message, and sent to the endpoint', () => {
    const metadata = { customer: 'c7', deep: { a: [1] } };
    expect(requestOf('chat', { metadata }).submission.metadata).toEqual(metadata);
    expect(sentOf('chat', { metadata })['metadata']).toEqual(metadata);
  });

  it('does not tell the endpoint which lane was chosen', () => {
    const metadata = { user_priority: 'high' };
    expect(requestOf('chat', { metadata }).submission.metadata).toEqual(metadata);
    expect(sentOf('chat', { metadata })).not.toHaveProperty('metadata');
    expect(sentOf('chat', { metadata: { ...metadata, a: 'b' } })['metadata']).toEqual({ a: 'b' });
    expect(sentOf('chat', { metadata: { user_priority: 'soon' } })['metadata']).toEqual({
      user_priority: 'soon',
    });
    expect(sentOf('chat', { metadata: null })).not.toHaveProperty('metadata');
  });
});
