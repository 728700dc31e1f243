import { describe, expect, it } from '@jest/globals';
import { bodyOfJson, bodyOfWords, entryOf } from './submission.policy.js';

describe('what is submitted', () => {
  it('is the words and the options, under the names of the API', () => {
    expect(bodyOfWords('Why?', {}, 'ann')).toEqual({ user_id: 'ann', content: 'Why?' });
    const options = {
      ...{ user: 'bob', conversation: 'c', model: 'm', priority: 'low', at: '2030-01-01T00:00:00Z' },
      ...{ param: [entryOf('temperature=0.5')!], metadata: [entryOf('order=a=b')!], callTimeout: 2 },
    };
    expect(bodyOfWords('Why?', options, 'ann')).toEqual({
      ...{ user_id: 'bob', content: 'Why?', conversation_id: 'c', model: 'm', priority: 'low' },
      ...{ scheduled_at: '2030-01-01T00:00:00Z', timeout_ms: 2_000 },
      ...{ parameters: { temperature: 0.5 }, metadata: { order: 'a=b' } },
    });
  });

  it('is a chat where the model is told how to behave', () => {
    expect(bodyOfWords('Why?', { system: 'Be short.' }, 'ann')).toEqual({
      user_id: 'ann',
      messages: [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: 'Why?' },
      ],
    });
  });

  it('may be a whole body, which keeps its user, and in which options go before', () => {
    const body = { user_id: 'eve', input: ['a'], model: 'm' };
    expect(bodyOfJson(body, { model: 'n' }, 'ann')).toEqual({ user_id: 'eve', input: ['a'], model: 'n' });
    expect(bodyOfJson({ content: 'a' }, { user: 'bob' }, 'ann')).toEqual({ user_id: 'bob', content: 'a' });
  });
});

it('reads values as JSON where they are some', () => {
  expect(['a=1', 'a=true', 'a=[1]', 'a=text', 'a='].map((text) => entryOf(text)?.[1])).toEqual([
    ...[1, true, [1], 'text', ''],
  ]);
  expect([entryOf('=1'), entryOf('a')]).toEqual([null, null]);
});
