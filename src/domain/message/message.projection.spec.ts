import fc from 'fast-check';
import { type MessageEvent, messageEvent } from './message.events.js';
import { type ProjectedRows, project, type SequencedEvent } from './message.projection.js';
import { OrphanEventError } from './message.state.js';

const ID = '0195f000-0000-7000-8000-000000000001';
const NOW = '2026-03-01T08:00:00.000Z';
const error = { code: 'endpoint_error', message: 'it said 500', retryable: true, status: 500 };

function context(id: string, second = 0) {
  const now = new Date(Date.parse(NOW) + second * 1_000).toISOString();
  return { messageId: id, tenant: 'default', lane: 'normal' as const, now, newId: () => 'event' };
}

const received = (id = ID) =>
  messageEvent(context(id), 'llmq.message.received.v1', {
    request: { content: 'hi', model: null, parameters: {} },
    ...{ stream: false, user_id: 'user', conversation_id: null, requested_priority: null, metadata: {} },
    ...{ timeout_ms: 1, max_retries: 3, deadline: null, source: 'rest' as const },
  });
const prioritized = (id = ID, tokens = 1) =>
  messageEvent(context(id), 'llmq.message.prioritized.v1', {
    ...{
      priority: 'high',
      reason: 'analysis',
      attempt: 1,
      received_sequence: null,
      timeout_ms: 1,
      max_retries: 3,
    },
    ...{
      received_at: NOW,
      analysis: { tokens, words: 1, language: null, question: false, sentiment: 0, score: 1 },
    },
  });
const dispatched = (id = ID, attempt = 1, delivery = 1, worker = 'one') =>
  messageEvent(context(id, 1), 'llmq.message.dispatched.v1', {
    ...{ attempt, delivery, worker, endpoint: 'demo', model: 'small', waited_ms: 1, endpoint_reason: 'only' },
  });
const failed = (id = ID, attempt = 1, delivery = 1) =>
  messageEvent(context(id, 2), 'llmq.message.attempt-failed.v1', {
    ...{ attempt, delivery, endpoint: 'demo', error, chunks_delivered: 2, next_retry_at: null },
  });
const completed = (id = ID, attempt = 1, delivery = 1, content = 'hello') =>
  messageEvent(context(id, 3), 'llmq.message.completed.v1', {
    ...{ attempt, delivery, answer: { content }, finish_reason: 'stop', endpoint: 'demo', model: 'small' },
    ...{ usage: null, queue_ms: 1, first_token_ms: null, total_ms: 2 },
  });
const cancelled = (id = ID) =>
  messageEvent(context(id, 3), 'llmq.message.cancelled.v1', { by: 'user', reason: 'no more' });
const requeued = (id = ID) =>
  messageEvent(context(id, 4), 'llmq.message.requeued.v1', { by: 'admin', reason: 'again' });

function sequenced(events: readonly MessageEvent[]): SequencedEvent[] {
  return events.map((event, index) => ({ sequence: index + 1, event }));
}

const fold = (...events: MessageEvent[]) => project(new Map(), sequenced(events));

describe('project', () => {
  it('keeps the request of the first receipt, and indexes every event', () => {
    const rows = fold(received(), received());
    expect(rows.requests).toHaveLength(1);
    expect(rows.requests[0]).toMatchObject({ messageId: ID, sequence: 1 });
    expect(rows.events).toHaveLength(2);
  });

  it('does not repeat the request of a message that it knows', () => {
    const known = fold(received()).messages;
    const rows = project(known, [{ sequence: 9, event: received() }]);
    expect(rows.requests).toEqual([]);
    expect(rows.messages.size).toBe(0);
  });

  it('has the first analysis beside its request, also where that is stored already', () => {
    const [request] = fold(received(), prioritized(ID, 1), prioritized(ID, 2)).requests;
    expect(request?.analysis?.tokens).toBe(1);
    const known = fold(received()).messages;
    const later = project(known, [{ sequence: 2, event: prioritized(ID, 3) }]);
    expect([...later.analyses.values()]).toMatchObject([{ messageId: ID, analysis: { tokens: 3 } }]);
    expect(fold(received(), prioritized()).analyses.size).toBe(0);
  });

  it('has the answer of the first terminal event only', () => {
    const rows = fold(received(), dispatched(), completed(ID, 1, 1, 'first'), completed(ID, 1, 2, 'second'));
    expect([...rows.results.values()]).toMatchObject([{ sequence: 3, answer: { content: 'first' } }]);
    expect(fold(received(), dispatched(), cancelled(), completed()).results.size).toBe(0);
  });

  it('has the newer answer after a requeue', () => {
    const rows = fold(received(), completed(ID, 1, 1, 'old'), requeued(), completed(ID, 2, 1, 'new'));
    expect([...rows.results.values()]).toMatchObject([{ sequence: 4, answer: { content: 'new' } }]);
  });

  it('ends a call that was not taken, with the reason', () => {
    const deferred = messageEvent(context(ID, 2), 'llmq.message.deferred.v1', {
      ...{ attempt: 1, delivery: 1, endpoint: 'demo', model: 'small', reason: 'unavailable', status: 503 },
      ...{ message: 'Loading model', retry_after_ms: null },
    });
    const rows = fold(received(), dispatched(), deferred);
    expect([...rows.attempts.values()]).toMatchObject([
      {
        ...{ start: { sequence: 2 }, sequence: 3 },
        end: { outcome: 'deferred', error: { code: 'unavailable', message: 'Loading model', status: 503 } },
      },
    ]);
    expect(rows.messages.get(ID)).toMatchObject({ status: 'pending', attempts: 0 });
  });

  it('joins the start and the end of a call', () => {
    const [attempt] = fold(received(), dispatched(), failed()).attempts.values();
    expect(attempt).toMatchObject({
      start: { sequence: 2, worker: 'one', startedAt: '2026-03-01T08:00:01.000Z' },
      end: { outcome: 'failed', error, chunksDelivered: 2, endedAt: '2026-03-01T08:00:02.000Z' },
      sequence: 3,
    });
  });

  it('begins a call anew when it is dispatched again under the same numbers', () => {
    const [attempt] = fold(received(), dispatched(), failed(), dispatched(ID, 1, 1, 'two')).attempts.values();
    expect(attempt).toMatchObject({ start: { worker: 'two' }, end: null });
  });

  it('tells an end without its start from one with it', () => {
    const known = fold(received(), dispatched()).messages;
    const [attempt] = project(known, [{ sequence: 3, event: completed() }]).attempts.values();
    expect(attempt).toMatchObject({ start: null, end: { outcome: 'completed' } });
  });

  it('refuses an event of a message that was never received', () => {
    expect(() => fold(dispatched())).toThrow(OrphanEventError);
  });

  it('gives the same rows however the log is cut, and again when a part is read twice', () => {
    const ids = [1, 2, 3].map((n) => `0195f000-0000-7000-8000-00000000000${n}`);
    const one = fc.constantFrom(...ids);
    const number = fc.constantFrom(1, 2);
    const event = fc.oneof(
      one.map(received),
      fc.tuple(one, number, number).map((args) => dispatched(...args)),
      fc.tuple(one, number, number).map((args) => failed(...args)),
      fc.tuple(one, number, number).map((args) => completed(...args)),
      one.map(cancelled),
      one.map(requeued),
      fc.tuple(one, number).map((args) => prioritized(...args)),
    );
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 40 }),
        fc.array(fc.nat(7), { minLength: 1 }),
        (events, cuts) => {
          const log = sequenced([...ids.map(received), ...events]);
          const whole = stored([project(new Map(), log)]);
          const parts: ProjectedRows[] = [];
          let known = new Map();
          for (let at = 0, cut = 0; at < log.length; cut += 1) {
            const end = at + 1 + cuts[cut % cuts.length]!;
            const rows = project(known, log.slice(at, end));
            // A batch whose commit failed is folded again from the same states.
            expect(project(known, log.slice(at, end))).toEqual(rows);
            known = new Map([...known, ...rows.messages]);
            parts.push(rows);
            at = end;
          }
          expect(stored(parts)).toEqual(whole);
        },
      ),
    );
  });
});

/** What the tables hold after these batches, by the rules that `AnalysisRow`, `AttemptRow` and `ResultRow` state. */
function stored(batches: readonly ProjectedRows[]) {
  const tables = { messages: {}, requests: {}, results: {}, attempts: {} } as Record<
    string,
    Record<string, unknown>
  >;
  for (const rows of batches) {
    for (const [id, state] of rows.messages) tables['messages']![id] = state;
    for (const row of rows.requests) tables['requests']![row.messageId] = { analysis: undefined, ...row };
    for (const [id, { analysis }] of rows.analyses) {
      const request = tables['requests']![id] as { analysis?: unknown };
      request.analysis ??= analysis;
    }
    for (const [id, row] of rows.results) tables['results']![id] = row;
    for (const [key, row] of rows.attempts) {
      const before = tables['attempts']![key] as { start: unknown } | undefined;
      tables['attempts']![key] =
        row.start === null && before !== undefined ? { ...row, start: before.start } : row;
    }
  }
  return tables;
}
