import type { ConversationRows } from '../../domain/conversation/conversation.projection.js';
import type { AnalysisRow, ProjectedRows, TurnMove } from '../../domain/message/message.projection.js';
import type { Statement } from '../tables/checkpoint.js';
import { conversationEvents, conversations, erasureQueue } from '../tables/conversation.tables.js';
import {
  attempts,
  deadLetters,
  messageEvents,
  messageRequests,
  messageResults,
  messages,
} from '../tables/message.tables.js';
import { storableJson } from '../tables/storable-text.js';
import type { ColumnType, ColumnValue, WrittenTable } from '../tables/table.js';
import { storedApart, usageHours } from '../tables/usage.tables.js';
import { webhooks } from '../tables/webhook.tables.js';
import { erasureStatements, messagesErasedStatements } from './erasure-statements.js';
import { BinaryArray } from './value-writer.js';

/** Its parameters are whole columns. */
export interface RowStatement extends Statement {
  readonly values: Buffer[];
}

/** One statement carries at most about this much, so that a batch of long requests needs no gigabyte of memory. */
const STATEMENT_BYTES = 8 * 1024 * 1024;

/** The statements that write conversations' rows; behind them go those that take away what was erased. */
export function conversationStatements(schema: string, rows: ConversationRows): Statement[] {
  return [
    ...statementsFor(schema, conversations, [...rows.conversations.values()]),
    ...statementsFor(schema, conversationEvents, rows.events),
    ...statementsFor(schema, erasureQueue, rows.leftovers),
    ...statementsFor(schema, usageHours, storedApart(rows.usage)),
    ...messagesErasedStatements(schema, rows.erased),
    ...rows.events.flatMap((stored) => erasureStatements(schema, stored)),
  ];
}

/** The statements that write a batch's rows. Made while the batch before is still being written. */
export function rowStatements(schema: string, rows: ProjectedRows): RowStatement[] {
  return [
    ...statementsFor(schema, messageRequests, rows.requests),
    ...analysisStatements(schema, rows.analyses.values()),
    ...turnMoveStatements(schema, rows.turnMoves.values()),
    ...statementsFor(schema, messages, [...rows.messages.values()]),
    ...statementsFor(schema, messageResults, [...rows.results.values()]),
    ...statementsFor(schema, attempts, [...rows.attempts.values()]),
    ...statementsFor(schema, deadLetters, [...rows.deadLetters.values()]),
    ...statementsFor(schema, webhooks, [...rows.webhooks.values()]),
    ...statementsFor(schema, usageHours, storedApart(rows.usage)),
    ...statementsFor(schema, messageEvents, rows.events),
  ];
}

/** For the few whose request went into the batch before. */
function analysisStatements(schema: string, rows: Iterable<AnalysisRow>): RowStatement[] {
  const values = Array.from(rows, ({ messageId, analysis }) => [messageId, storableJson(analysis)] as const);
  const text = `UPDATE "${schema}".message_requests q SET analysis = v.value
    FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::json[]) AS value) v
    WHERE q.message_id = v.id AND q.analysis IS NULL`;
  return statementOf('llmq_write_analyses', text, 'json', values);
}

function turnMoveStatements(schema: string, moves: Iterable<TurnMove>): RowStatement[] {
  const values = Array.from(moves, ({ messageId, turnSequence }) => [messageId, turnSequence] as const);
  const text = `UPDATE "${schema}".message_requests q SET turn_sequence = v.value
    FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::bigint[]) AS value) v WHERE q.message_id = v.id`;
  return statementOf('llmq_write_turn_moves', text, 'bigint', values);
}

/** One statement whose parameters are ids and a value for each; none without any. */
function statementOf(
  name: string,
  text: string,
  type: ColumnType,
  values: readonly (readonly [id: string, value: ColumnValue])[],
): RowStatement[] {
  if (values.length === 0) return [];
  const arrays = [new BinaryArray('uuid', values.length), new BinaryArray(type, values.length)] as const;
  for (const [id, value] of values) {
    arrays[0].append(id);
    arrays[1].append(value);
  }
  return [{ name, text, values: arrays.map((array) => array.toBuffer()) }];
}

function statementsFor<R>(schema: string, table: WrittenTable<R>, rows: readonly R[]): RowStatement[] {
  const statements: RowStatement[] = [];
  let arrays: BinaryArray[] | null = null;
  for (const row of rows) {
    arrays ??= table.columns.map(({ type }) => new BinaryArray(type, rows.length));
    if (appendRow(arrays, table, row) >= STATEMENT_BYTES) {
      statements.push(statement(schema, table, arrays));
      arrays = null;
    }
  }
  if (arrays !== null) statements.push(statement(schema, table, arrays));
  return statements;
}

/** Returns how many bytes the arrays hold now. */
function appendRow<R>(arrays: readonly BinaryArray[], { columns }: WrittenTable<R>, row: R): number {
  let bytes = 0;
  for (let index = 0; index < columns.length; index += 1) {
    const array = arrays[index]!;
    array.append(columns[index]!.value(row));
    bytes += array.bytes;
  }
  return bytes;
}

function statement<R>(schema: string, table: WrittenTable<R>, arrays: readonly BinaryArray[]): RowStatement {
  const names = table.columns.map(({ name }) => name).join(', ');
  // In the target list, not in FROM: there each array would first be copied into a temporary store of its own.
  const values = table.columns.map(({ type }, index) => `unnest($${index + 1}::${type}[])`).join(', ');
  return {
    name: `llmq_write_${table.name}`,
    text: `INSERT INTO "${schema}".${table.name} (${names}) SELECT ${values} ${table.onConflict}`,
    values: arrays.map((array) => array.toBuffer()),
  };
}
