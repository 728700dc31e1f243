import { decodeDue, encodeDue } from './due-message.codec.js';

const due = {
  messageId: 'm1',
  tenant: 't1',
  dueAt: '2026-01-01T00:00:05.000Z',
  message: {
    priority: 'low',
    attempt: 2,
    receivedSequence: 41,
    timeoutMs: 1_000,
    maxRetries: 3,
    receivedAt: '2026-01-01T00:00:00.000Z',
    reason: null,
    deadline: '2026-01-02T00:00:00.000Z',
    backoff: { kind: 'fixed', base_delay_ms: 250 },
    conversationId: 'c1',
    analysis: null,
    model: null,
  },
} as const;

describe('the body of a schedule', () => {
  it('comes back as it was, with and without a trace', () => {
    expect(decodeDue(encodeDue(due))).toEqual(due);
    const traced = { ...due, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
    expect(decodeDue(encodeDue(traced))).toEqual(traced);
  });

  it('is read as an earlier version wrote it', () => {
    const { due_at, deadline, backoff, conversation_id, model, ...old } = JSON.parse(encodeDue(due));
    expect([due_at, deadline, backoff, conversation_id, model]).not.toContain(undefined);
    const { model: _, ...message } = due.message;
    expect(decodeDue(JSON.stringify(old))).toStrictEqual({
      ...due,
      dueAt: null,
      message: { ...message, deadline: null, backoff: null, conversationId: null },
    });
  });

  it.each(['', '{}', 'null', encodeDue(due).replace('"low"', '"urgent"')])('is refused as %j', (body) => {
    expect(() => decodeDue(body)).toThrow();
  });
});
