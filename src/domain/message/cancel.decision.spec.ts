import { cancel } from './cancel.decision.js';
import { expire, isExpired } from './expire.decision.js';
import type { AttemptError } from './message.events.js';

const context = {
  messageId: 'm1',
  tenant: 't1',
  lane: 'low',
  now: '2026-01-01T00:00:00.000Z',
  newId: () => 'e1',
} as const;
const command = { by: 'red', reason: 'Not needed any more.' };

describe('cancel', () => {
  it.each(['pending', 'scheduled', 'processing'] as const)('ends a message that is %s', (status) => {
    expect(cancel(context, status, command)).toMatchObject({
      ...{ type: 'llmq.message.cancelled.v1', subject: 'm1', tenant: 't1', lane: 'low' },
      data: command,
    });
  });

  it.each(['completed', 'failed', 'cancelled', 'expired'] as const)('has no word on what is %s', (status) => {
    expect(cancel(context, status, command)).toBeNull();
  });
});

describe('isExpired', () => {
  const deadline = '2026-01-01T00:00:10.000Z';

  it('is true from the deadline on, and never without one', () => {
    const at = Date.parse(deadline);
    expect([at - 1, at, at + 1].map((now) => isExpired(deadline, now))).toEqual([false, true, true]);
    expect([isExpired(null, at), isExpired(undefined, at)]).toEqual([false, false]);
  });

  it('comes with its reason', () => {
    expect(expire(context, deadline, 'waiting').data.reason).toContain(deadline);
    expect(expire(context, deadline, 'retry').data.reason).toContain('next attempt');
  });

  it('says why no endpoint took the message, and nothing of other failures', () => {
    const passed = (told: AttemptError | null) => expire(context, deadline, 'waiting', told).data.reason;
    expect(passed(null)).toContain('passed before a model was called');
    const error = { code: 'rate_limited', message: 'Too many.', retryable: true, status: 429 };
    expect(expire(context, deadline, 'waiting', error).data.error).toEqual(error);
    expect(passed(error)).toContain('passed before an endpoint took the call');
    expect(passed({ ...error, code: 'broken_stream' })).toContain('passed after an attempt that failed');
    expect(expire(context, deadline, 'retry', { ...error, code: 'broken_stream' }).data).not.toHaveProperty(
      'error',
    );
  });
});
