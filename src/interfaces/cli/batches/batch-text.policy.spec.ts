import { describe, expect, it } from '@jest/globals';
import { painter } from '../terminal/colour.policy.js';
import {
  batchesText,
  batchHasEnded,
  batchText,
  exitCodeOfBatch,
  progressText,
  type ToldBatch,
  type ToldBatchWebhook,
} from './batch-text.policy.js';

const batch: ToldBatch = {
  ...{ id: 'batch_1', status: 'in_progress', endpoint: '/v1/embeddings', completion_window: '24h' },
  ...{ model: null, lines: { total: 100, completed: 38, failed: 2 }, errors: [], ended_at: null },
  ...{ created_at: '2030-01-01T00:00:00.000Z', expires_at: '2030-01-02T00:00:00.000Z' },
};

describe('a batch', () => {
  it('tells how far it is', () => {
    expect(progressText(batch)).toBe('in_progress: 40 of 100 lines, 2 failed');
    expect(batchText(batch, painter(false))).toBe(`batch     batch_1
status    in_progress: 40 of 100 lines, 2 failed
endpoint  /v1/embeddings
created   2030-01-01 00:00:00
ends by   2030-01-02 00:00:00
`);
    expect(batchesText([batch])).toContain('batch_1  in_progress  100    38        2');
    expect(batchesText([])).toBe('There are no batches.\n');
  });

  it('says what became of its webhook, where it has one', () => {
    const none = { status: 'waiting', tries: 0, next_try_at: null, reason: null, http_status: null };
    const textOf = (webhook: Partial<ToldBatchWebhook> | null) => {
      const text = batchText({ ...batch, webhook: webhook && { ...none, ...webhook } }, painter(false));
      return text.split('\n').filter((line) => line.startsWith('webhook'));
    };
    expect(textOf(null)).toEqual([]);
    expect(textOf({})).toEqual(['webhook   waiting']);
    const failing = { tries: 1, reason: 'timeout', next_try_at: '2030-01-01T00:05:00.000Z' };
    expect(textOf(failing)).toEqual(['webhook   waiting after 1 try: timeout, next try 2030-01-01 00:05:00']);
    expect(textOf({ status: 'failed', tries: 10, reason: 'bad_status', http_status: 503 })).toEqual([
      'webhook   failed after 10 tries: bad_status 503',
    ]);
    expect(textOf({ status: 'delivered', tries: 1, http_status: 204 })).toEqual([
      'webhook   delivered after 1 try',
    ]);
  });

  it('says which lines are wrong', () => {
    const errors = [{ line: 3, message: 'no\u0007 custom_id' }, { message: 'empty' }];
    expect(batchText({ ...batch, status: 'failed', errors }, painter(false))).toMatch(
      /\n\nWrong:\n- line 3: no {2}custom_id\n- empty\n$/,
    );
  });

  it('ends well only when each line has its answer', () => {
    const ended = { ...batch, status: 'completed' };
    expect(exitCodeOfBatch(ended)).toBe(4);
    expect(exitCodeOfBatch({ ...ended, lines: { total: 1, completed: 1, failed: 0 } })).toBe(0);
    expect(exitCodeOfBatch({ ...ended, status: 'expired' })).toBe(4);
    const states = ['validating', 'in_progress', 'finalizing', 'cancelling', 'completed', 'cancelled'];
    expect(states.map((status) => batchHasEnded({ status }))).toEqual([
      ...[false, false, false, false, true, true],
    ]);
  });
});
