import {
  costOf,
  isWanted,
  type Outcome,
  type PastMessage,
  priceOf,
  replayBody,
  replayFilter,
} from './replay.policy.js';

const past: PastMessage = {
  ...{
    id: 'm',
    userId: 'ann',
    metadata: { team: 'blue' },
    priority: 'high',
    maxRetries: 2,
    timeoutMs: 5_000,
  },
  request: { content: 'x', model: 'q', parameters: { temperature: 0.1 } },
};
const outcome: Outcome = {
  ...{
    status: 'completed',
    model: 'q',
    length: 3,
    finishReason: 'stop',
    waitedMs: 4,
    callMs: 10,
    error: null,
  },
  ...{ promptTokens: 1_000, completionTokens: 2_000 },
};

it('repeats a message as it was, linked to it, and outside of its conversation', () => {
  expect(replayBody(past, {})).toEqual({
    ...{ user_id: 'ann', content: 'x', model: 'q', parameters: { temperature: 0.1 } },
    ...{ metadata: { team: 'blue' }, priority: 'high', max_retries: 2, timeout_ms: 5_000, replay_of: 'm' },
  });
});

it('repeats a chat, and changes model and priority where asked', () => {
  const messages = [{ role: 'user', content: 'x' }];
  const chat = { ...past, request: { messages, model: null, parameters: {} } };
  const body = replayBody(chat, { model: 'other', priority: 'low' });
  expect(body).toMatchObject({ messages, model: 'other', priority: 'low' });
  expect(body).not.toHaveProperty('content');
});

it('repeats a response with its instructions in front', () => {
  const messages = [{ role: 'user', content: 'x' }];
  const response = { background: false, store: true, settings: {} };
  const request = { messages, model: 'q', parameters: {}, instructions: 'Be short.', response };
  expect(replayBody({ ...past, request }, {})).toMatchObject({
    messages: [{ role: 'system', content: 'Be short.' }, ...messages],
  });
});

it('repeats a completion and embeddings', () => {
  const asked = (kind: 'completion' | 'embeddings', parameters: Record<string, unknown>) =>
    replayBody({ ...past, request: { kind, model: 'q', parameters } }, {});
  expect(asked('completion', { prompt: 'x', n: 2 })).toMatchObject({ prompt: 'x', parameters: { n: 2 } });
  expect(asked('embeddings', { input: ['x'] })).toMatchObject({ input: ['x'], parameters: {} });
});

it('leaves out what an older version took for a parameter, and hands on what is the model’s', () => {
  const theirs = { store: true, metadata: { a: 'b' }, priority: 3 };
  const parameters = { ...theirs, ttl: 5, max_retries: 1, user_id: 'ann' };
  expect(replayBody({ ...past, request: { ...past.request, parameters } }, {})['parameters']).toEqual(theirs);
});

it('tells costs where prices and tokens are known', () => {
  const prices = new Map([priceOf('q=0.5/2')]);
  expect(costOf(outcome, prices)).toBeCloseTo(0.0045);
  expect(costOf({ ...outcome, model: 'other' }, prices)).toBeNull();
  expect(costOf({ ...outcome, promptTokens: null }, prices)).toBeNull();
  for (const wrong of ['q', 'q=1', 'q=a/b', '=1/2']) expect(() => priceOf(wrong)).toThrow('is no price');
});

it('filters by what the service lists by, and by model and metadata itself', () => {
  const filter = replayFilter(['user_id=ann', 'model=q', 'metadata.team=blue', 'status=failed']);
  expect(filter).toEqual({
    ...{ query: { user_id: 'ann', status: 'failed' }, model: 'q', metadata: { team: 'blue' } },
  });
  expect(isWanted(filter, { model: 'q', metadata: { team: 'blue' } })).toBe(true);
  expect(isWanted(filter, { model: 'r', metadata: { team: 'blue' } })).toBe(false);
  expect(isWanted(filter, { model: 'q', metadata: {} })).toBe(false);
  for (const wrong of ['user', '=x', 'colour=red'])
    expect(() => replayFilter([wrong])).toThrow('is no filter');
  for (const key of ['user_id', 'model', 'metadata.team'])
    expect(() => replayFilter([`${key}=a`, `${key}=b`])).toThrow(`second filter by ${key}`);
});
