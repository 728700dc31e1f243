import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { ANSWER, type FaultyProvider, startFaultyProvider } from '../support/faulty-provider.js';
import { freePort } from '../support/free-port.js';
import { inOneOf } from '../support/in-one-of.js';
import { type RunningService, startService } from '../support/service.js';

/** Longer than this machine holds up those that are well, and much shorter than the slow one takes. */
const SILENCE_MS = 8_000;
const DOWN_MS = 60_000;
const BACK_WITHIN_MS = 30_000;

/** Each fault's model, and who takes its place. */
const FALLBACKS: Readonly<Record<string, readonly string[]>> = {
  'limited-once': ['healthy'],
  limited: ['healthy'],
  'error-once': ['healthy'],
  unavailable: ['healthy'],
  'reset-once': ['healthy'],
  silent: ['healthy'],
  slow: ['healthy'],
  cut: ['healthy'],
  stalls: ['healthy'],
  malformed: ['healthy'],
  'no-done': ['healthy'],
  comes: ['healthy'],
};

let provider: FaultyProvider;
let service: RunningService;
let comesPort: number;
/** Serves one of two deployments of a model, until it is killed. */
let doomed: FaultyProvider;

beforeAll(async () => {
  provider = await startFaultyProvider();
  doomed = await startFaultyProvider();
  comesPort = await freePort();
  const prefill = { capabilities: ['prefill'] };
  service = await startService({
    config: {
      // However loaded the machine is, a stream that fails has its own status.
      openai: { stream_headers_after_ms: 60_000 },
      demo: { enabled: false },
      loadbalancer: {
        ...{ first_token_timeout_ms: SILENCE_MS, idle_timeout_ms: SILENCE_MS },
        fallbacks: { ...FALLBACKS, 'cut-strict': ['strict'], 'cut-other': ['other'], 'cut-anew': ['anew'] },
        context_window_fallbacks: { 'too-long': ['large'] },
        content_policy_fallbacks: {},
      },
      endpoints: [
        {
          ...{ name: 'primary', base_url: provider.url },
          models: [
            ...Object.keys(FALLBACKS).filter((model) => model !== 'comes'),
            ...['too-long', 'refused-content', 'odd'],
            ...['cut-strict', 'cut-other', 'cut-anew'].map((name) => ({ name, upstream: 'cut' })),
          ],
        },
        {
          ...{ name: 'spare', base_url: provider.url, max_concurrency: 64 },
          models: [
            { name: 'healthy', ...prefill },
            { name: 'strict', ...prefill },
            { name: 'other', ...prefill },
            ...[{ name: 'anew', upstream: 'other' }, 'large', 'pair'],
          ],
        },
        { name: 'doomed', base_url: doomed.url, models: ['pair'], max_concurrency: 64 },
        { name: 'comes', base_url: `http://127.0.0.1:${comesPort}/v1`, models: ['comes'] },
      ],
    },
  });
});
afterAll(async () => {
  await service?.stop();
  await Promise.all([provider?.close(), doomed?.close()]);
});

interface Told {
  readonly status: number;
  readonly text: string;
  readonly models: ReadonlySet<string>;
  readonly usage: { prompt_tokens: number; completion_tokens: number } | null;
  readonly error: { code: string; message: string; message_id?: string } | null;
  readonly id: string;
  readonly ms: number;
}

/** What a client of OpenAI's protocol is told. */
async function ask(model: string, stream: boolean, question: string, headers = {}): Promise<Told> {
  const began = Date.now();
  const response = await fetch(`${service.baseUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      ...{ model, stream, messages: [{ role: 'user', content: question }] },
      ...(stream ? { stream_options: { include_usage: true } } : {}),
    }),
  });
  const body = await response.text();
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const events = isStream ? eventsOf(body) : [JSON.parse(body)];
  const told = { text: '', models: new Set<string>(), usage: null, error: null } as {
    -readonly [K in 'text' | 'usage' | 'error']: Told[K];
  } & { models: Set<string> };
  for (const event of events) {
    told.error ??= event.error ?? null;
    const choice = event.choices?.[0];
    const piece = choice?.delta?.content ?? choice?.message?.content ?? '';
    told.text += piece;
    if (piece !== '') told.models.add(event.model);
    told.usage ??= event.usage ?? null;
  }
  if (isStream && told.error === null) expect(body).toContain('data: [DONE]');
  const id = response.headers.get('x-llmq-message-id') ?? '';
  return { ...told, status: response.status, id, ms: Date.now() - began };
}

function eventsOf(body: string) {
  const lines = body.split('\n').filter((line) => line.startsWith('data: {'));
  return lines.map((line) => JSON.parse(line.slice('data: '.length)));
}

async function storyOf(id: string): Promise<{ type: string; data: Record<string, unknown> }[]> {
  const path = `${service.baseUrl}/api/v1/messages/${id}/events`;
  const { data } = (await (await fetch(path)).json()) as { data: { type: string; data: object }[] };
  return data as never;
}

async function attemptsOf(id: string): Promise<number> {
  const message = await (await fetch(`${service.baseUrl}/api/v1/messages/${id}?wait=60s`)).json();
  return (message as { attempts: number }).attempts;
}

async function reroutesOf(id: string) {
  const moved = (await storyOf(id)).filter(({ type }) => type === 'llmq.message.rerouted.v1');
  return moved.map(
    ({ data }) => data as { mode: string; to: { model: string }; delivered_characters: number },
  );
}

let asked = 0;
const question = (about: string) => `${about} ${++asked}`;

/** Runs beside the others: a request each 4 s to a model that is down for a minute and then well. */
let comes: Promise<{ served: Told[]; backAfterMs: number }>;

beforeAll(() => {
  const served: Told[] = [];
  /** Whether it was this model that answered. */
  const askIt = async () => {
    const told = await ask('comes', served.length % 2 === 0, question('comes'));
    served.push(told);
    await sleep(4_000);
    return told.models.has('comes');
  };
  const downAndUp = async () => {
    const downAtMs = Date.now();
    while (Date.now() - downAtMs < DOWN_MS) await askIt();
    const own = await startFaultyProvider(comesPort);
    const upAtMs = Date.now();
    try {
      while (!(await askIt())) if (Date.now() - upAtMs > 2 * BACK_WITHIN_MS) break;
      return Date.now() - 4_000 - upAtMs;
    } finally {
      await own.close();
    }
  };
  comes = (async () => {
    let backAfterMs = await downAndUp();
    // Once more where it was held up by what else this machine does.
    for (let more = 0; more < 2 && backAfterMs >= BACK_WITHIN_MS; more += 1) backAfterMs = await downAndUp();
    return { served, backAfterMs };
  })();
  comes.catch(() => {});
});

describe.each([
  ['streamed', true],
  ['whole', false],
] as const)('an answer that is %s', (_how, stream) => {
  it.each([
    ['429 with Retry-After once', 'limited-once'],
    ['500 once', 'error-once'],
    ['503 for ever', 'unavailable'],
    ['a connection reset before the headers', 'reset-once'],
    ['no answer at all', 'silent'],
    ['a first token after 20 s', 'slow'],
    ['a stream cut after 40 of 60 words', 'cut'],
    ['a stream that falls silent after 20 words', 'stalls'],
    ['a malformed event', 'malformed'],
    ['no [DONE]', 'no-done'],
  ])('is whole and right in spite of %s', async (_what, model) => {
    const all: Told[] = [];
    // A machine that holds up the one that is well as well makes it fail once, but not each time.
    await inOneOf(3, async () => {
      const words = question(model);
      const told = await ask(model, stream, words);
      all.push(told);
      // Much less than the slow one takes.
      expect(told.ms).toBeLessThan(SILENCE_MS + 10_000);
      const calls = provider.callsOf(words);
      // The route that failed is not asked twice, and no call is made that nobody needs.
      expect(calls.filter((call) => call.model === model).length).toBeLessThanOrEqual(1);
      expect(calls.length).toBeLessThanOrEqual(2);
      if (model !== 'no-done') expect([...told.models].at(-1)).toBe('healthy');
      expect(await attemptsOf(told.id)).toBe(1);
    });
    for (const told of all) expect(told).toMatchObject({ status: 200, text: ANSWER, error: null });
  });

  it('costs few calls where the rate is limited for ever', async () => {
    const words = question('limited');
    const told = await ask('limited', stream, words);
    expect(told).toMatchObject({ status: 200, text: ANSWER });
    await sleep(3_000);
    expect(provider.callsOf(words).length).toBeLessThanOrEqual(4);
  });

  it('comes from the larger model where the request is too long', async () => {
    const words = question('too-long');
    const told = await ask('too-long', stream, words);
    expect(told).toMatchObject({ status: 200, text: ANSWER });
    expect(told.models).toEqual(new Set(['large']));
    expect(provider.callsOf(words).map(({ model }) => model)).toEqual(['too-long', 'large']);
  });

  it("is the provider's reason where it refuses the content", async () => {
    const words = question('refused-content');
    const told = await ask('refused-content', stream, words);
    expect(told).toMatchObject({
      ...{ status: 400, text: '' },
      error: {
        code: 'content_policy_violation',
        message: expect.stringContaining('content_policy_violation'),
      },
    });
    expect(provider.callsOf(words)).toHaveLength(1);
  });

  it('is whole where the one that was to go on refuses to', async () => {
    const words = question('cut-strict');
    const told = await ask('cut-strict', stream, words);
    expect(told).toMatchObject({ status: 200, text: ANSWER, error: null });
    const modes = (await reroutesOf(told.id)).map(({ mode }) => mode);
    expect(modes).toEqual(stream ? ['continue', 'restart'] : ['fallback']);
  });

  it('tells the model that answered and its usage, and bills no failed call', async () => {
    const told = await ask('unavailable', stream, question('unavailable'));
    expect(told.models).toEqual(new Set(['healthy']));
    expect(told.usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 60 });
  });

  it('follows the fallbacks of the request itself', async () => {
    const words = question('refused-by-header');
    const told = await ask('too-long', stream, words, { 'x-llmq-fallbacks': 'healthy' });
    expect(told).toMatchObject({ status: 200, text: ANSWER });
  });
});

describe('a stream that was cut', () => {
  it('goes on behind its text, and the log says where each part came from', async () => {
    const words = question('cut');
    const told = await ask('cut', true, words);
    const rest = provider.callsOf(words).at(-1);
    if (rest?.prefill !== undefined && rest.prefill !== null) {
      expect(told.text).toBe(ANSWER);
      const moves = await reroutesOf(told.id);
      expect(moves).toMatchObject([
        { mode: 'continue', to: { model: 'healthy' }, delivered_characters: rest.prefill.length },
      ]);
      expect(told.usage).toMatchObject({ completion_tokens: 20 });
    }
  });

  it('never ends as a success where the new answer is another one', async () => {
    const told = await ask('cut-anew', true, question('cut-anew'));
    expect(told.error).toMatchObject({ code: 'stream_interrupted' });
    expect(ANSWER.startsWith(told.text)).toBe(true);
  });
});

it('is whole in spite of a malformed event, of which the log tells where it was and nothing of what was in it', async () => {
  const told = await ask('odd', false, 'which server is odd?');
  expect(told).toMatchObject({ status: 200, text: ANSWER });
  const lines = await eventually(() => {
    const found = service
      .logs()
      .split('\n')
      .filter((line) => line.includes(told.id) && line.includes('not JSON'));
    expect(found).toHaveLength(1);
    return found;
  });
  expect(lines[0]).toContain('primary');
  expect(lines[0]).toContain('odd');
  expect(lines[0]).not.toContain('choices');
});

it('costs no message and no visible error where an endpoint is killed under load', async () => {
  const asking = Array.from({ length: 80 }, async (_, at) => {
    await sleep(at * 10);
    return ask('pair', at % 2 === 0, question('pair'));
  });
  await eventually(() => expect(doomed.calls.length).toBeGreaterThan(0));
  await doomed.close();
  for (const told of await Promise.all(asking)) {
    expect(told).toMatchObject({ status: 200, text: ANSWER, error: null });
  }
});

it('is served meanwhile where a model is down for a minute, and back on it within 30 s', async () => {
  const { served, backAfterMs } = await comes;
  for (const told of served) expect(told).toMatchObject({ status: 200, text: ANSWER, error: null });
  expect(backAfterMs).toBeLessThan(BACK_WITHIN_MS);
}, 600_000);
