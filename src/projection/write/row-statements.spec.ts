import { messageEvent } from '../../domain/message/message.events.js';
import { project } from '../../domain/message/message.projection.js';
import { rowStatements } from './row-statements.js';

const MEBIBYTE = 1024 * 1024;

function received(index: number, content: string) {
  const id = `0195f000-0000-7000-8000-${String(index).padStart(12, '0')}`;
  const now = '2026-03-01T08:00:00.000Z';
  const context = { messageId: id, tenant: 'default', lane: 'normal' as const, now, newId: () => 'event' };
  const event = messageEvent(context, 'llmq.message.received.v1', {
    request: { content, model: null, parameters: {} },
    ...{ stream: false, user_id: 'user', conversation_id: null, requested_priority: null, metadata: {} },
    ...{ timeout_ms: 1, max_retries: 3, deadline: null, source: 'rest' as const },
  });
  return { sequence: index + 1, event };
}

const sizeOf = ({ values }: { values: Buffer[] }) => values.reduce((sum, value) => sum + value.length, 0);

it('needs one statement for each table that gets rows, and none for the others', () => {
  const rows = project(new Map(), [received(0, 'hi'), received(1, 'hi')]);
  expect(rowStatements('llmq', rows).map(({ name }) => name)).toEqual([
    'llmq_write_message_requests',
    'llmq_write_messages',
    'llmq_write_message_events',
  ]);
  expect(rowStatements('llmq', project(new Map(), []))).toEqual([]);
});

it('spreads long rows over statements of a bounded size, with all rows in them', () => {
  const long = Array.from({ length: 24 }, (_, index) => received(index, 'x'.repeat(MEBIBYTE)));
  const statements = rowStatements('llmq', project(new Map(), long)).filter(({ name }) =>
    name.endsWith('requests'),
  );
  expect(statements.length).toBeGreaterThan(2);
  // One row may be what takes a statement over the bound.
  for (const statement of statements) expect(sizeOf(statement)).toBeLessThan(10 * MEBIBYTE);
  // The third field of an array's header counts its elements.
  expect(statements.reduce((sum, { values }) => sum + values[0]!.readInt32BE(12), 0)).toBe(24);
});
