import { describe, expect, it } from '@jest/globals';
import { painter } from '../terminal/colour.policy.js';
import {
  answerText,
  endText,
  hasEnded,
  messageText,
  standingText,
  type ToldMessage,
} from './message-text.policy.js';

const waiting: ToldMessage = {
  ...{ id: 'm1', status: 'pending', priority: 'normal', priority_reason: 'default', model: 'demo' },
  ...{ user_id: 'ann', attempts: 0, max_retries: 2, created_at: '2030-01-01T00:00:00.000Z' },
  ...{ position: 2, eta_seconds: 4, waiting_for: 'slot' },
};

const answered: ToldMessage = {
  ...waiting,
  ...{ status: 'completed', attempts: 1, completed_at: '2030-01-01T00:00:03.000Z' },
  result: {
    ...{ content: 'An answer.', model: 'other', endpoint: 'gpu', finish_reason: 'stop', cost: '0.1' },
    usage: { prompt_tokens: 3, completion_tokens: 5 },
  },
};

describe('a message that waits', () => {
  it('tells where it stands in one line, and leaves out what is not known', () => {
    expect(standingText(waiting)).toBe(
      'pending in normal, position 2, in about 4 s, waits for a free worker',
    );
    expect(standingText({ id: 'm', status: 'processing', priority: 'low', model: null })).toBe(
      'processing in low',
    );
    expect(hasEnded(waiting)).toBe(false);
  });
});

describe('a message that has ended', () => {
  it('tells all that is known of it', () => {
    expect(messageText(answered, painter(false))).toBe(`message       m1
status        completed
lane          normal (default)
user          ann
model         demo, answered by other
endpoint      gpu
attempts      1 of at most 3
created       2030-01-01 00:00:00
ended         2030-01-01 00:00:03
finish        stop
tokens        3 in, 5 out
cost          0.1
`);
    expect(hasEnded(answered)).toBe(true);
  });

  it('says why there is no answer', () => {
    const failed = { ...waiting, status: 'failed', error: { code: 'broken', message: 'It broke' } };
    expect(endText(failed)).toBe('The message m1 is failed: It broke (broken)');
    expect(endText({ ...waiting, status: 'expired', error: null })).toBe('The message m1 is expired.');
  });
});

describe('an answer', () => {
  it('is its text with an end of line, or JSON where it is no text', () => {
    expect(answerText({ content: 'Yes.' })).toBe('Yes.\n');
    expect(answerText({ content: null, tool_calls: [{ id: 'c' }] })).toBe('[\n  {\n    "id": "c"\n  }\n]\n');
    expect(answerText({ content: null, data: [{ embedding: [1] }] })).toBe('[{"embedding":[1]}]\n');
    expect(JSON.parse(answerText({ choices: [{ content: 'a' }, { content: 'b' }] }))).toHaveLength(2);
    expect(answerText({ content: '' })).toBe('');
  });
});
