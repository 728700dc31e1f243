import type { ConversationRows } from '../../domain/conversation/conversation.projection.js';
import type { AnalysisRow, ProjectedRows, TurnMove } from '../../domain/message/message.projection.js';
import type { Statement } from '../tables/statement.js';
import { storableJson } from '../tables/storable-text.js';
import { BinaryArray } from './binary-array.js';
import { conversationEventWrite, conversationWrite, leftoverWrite } from './conversation-writes.js';
import { deadLetterWrite } from './dead-letter-write.js';
import { erasureStatements } from './erasure-statements.js';
import {
  attemptWrite,
  eventWrite,
  messageWrite,
  requestWrite,
  resultWrite,
  type TableWrite,
} from './table-writes.js';

/** Its parameters are whole columns. */
export interface RowStatement extends Statement {
  readonly values: Buffer[];
}

/** One statement carries at most about this much, so that a batch of long requests needs no gigabyte of memory. */
const STATEMENT_BYTES = 8 * 1024 * 1024;

/** The statements that write conversations' rows; behind them go those that take away what was erased. */
export function conversationStatements(schema: string, rows: ConversationRows): Statement[] {
  return [
    ...statementsFor(schema, conversationWrite, rows.conversations.values()),
    ...statementsFor(schema, conversationEventWrite, rows.events),
    ...statementsFor(schema, leftoverWrite, rows.leftovers),
    ...rows.events.flatMap((stored) => erasureStatements(schema, stored)),
  ];
}

/** The statements that write a batch's rows. Made while the batch before is still being written. */
export function rowStatements(schema: string, rows: ProjectedRows): RowStatement[] {
  return [
    ...statementsFor(schema, requestWrite, rows.requests),
    ...analysisStatements(schema, rows.analyses.values()),
    ...turnMoveStatements(schema, rows.turnMoves.values()),
    ...statementsFor(schema, messageWrite, rows.messages.values()),
    ...statementsFor(schema, resultWrite, rows.results.values()),
    ...statementsFor(schema, attemptWrite, rows.attempts.values()),
    ...statementsFor(schema, deadLetterWrite, rows.deadLetters.values()),
    ...statementsFor(schema, eventWrite, rows.events),
  ];
}

/** For the few whose request went into the batch before. */
function analysisStatements(schema: string, rows: Iterable<AnalysisRow>): RowStatement[] {
  const ids = new BinaryArray('uuid');
  const analyses = new BinaryArray('json');
  let count = 0;
  for (const { messageId, analysis } of rows) {
    ids.append(messageId);
    analyses.append(storableJson(analysis));
    count += 1;
  }
  if (count === 0) return [];
  const text = `UPDATE "${schema}".message_requests q SET analysis = v.analysis
    FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::json[]) AS analysis) v
    WHERE q.message_id = v.id AND q.analysis IS NULL`;
  return [{ name: 'llmq_write_analyses', text, values: [ids.toBuffer(), analyses.toBuffer()] }];
}

function turnMoveStatements(schema: string, moves: Iterable<TurnMove>): RowStatement[] {
  const ids = new BinaryArray('uuid');
  const places = new BinaryArray('bigint');
  let count = 0;
  for (const { messageId, turnSequence } of moves) {
    ids.append(messageId);
    places.append(turnSequence);
    count += 1;
  }
  if (count === 0) return [];
  const text = `UPDATE "${schema}".message_requests q SET turn_sequence = v.place
    FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::bigint[]) AS place) v WHERE q.message_id = v.id`;
  return [{ name: 'llmq_write_turn_moves', text, values: [ids.toBuffer(), places.toBuffer()] }];
}

function statementsFor<R>(schema: string, write: TableWrite<R>, rows: Iterable<R>): RowStatement[] {
  const statements: RowStatement[] = [];
  let arrays: BinaryArray[] | null = null;
  for (const row of rows) {
    arrays ??= write.columns.map(({ type }) => new BinaryArray(type));
    if (appendRow(arrays, write, row) >= STATEMENT_BYTES) {
      statements.push(statement(schema, write, arrays));
      arrays = null;
    }
  }
  if (arrays !== null) statements.push(statement(schema, write, arrays));
  return statements;
}

/** Returns how many bytes the arrays hold now. */
function appendRow<R>(arrays: readonly BinaryArray[], { columns }: TableWrite<R>, row: R): number {
  let bytes = 0;
  for (let index = 0; index < columns.length; index += 1) {
    const array = arrays[index]!;
    array.append(columns[index]!.value(row));
    bytes += array.bytes;
  }
  return bytes;
}

function statement<R>(schema: string, write: TableWrite<R>, arrays: readonly BinaryArray[]): RowStatement {
  const names = write.columns.map(({ name }) => name).join(', ');
  // In the target list, not in FROM: there each array would first be copied into a temporary store of its own.
  const values = write.columns.map(({ type }, index) => `unnest($${index + 1}::${type}[])`).join(', ');
  return {
    name: `llmq_write_${write.table}`,
    text: `INSERT INTO "${schema}".${write.table} (${names}) SELECT ${values} ${write.onConflict}`,
    values: arrays.map((array) => array.toBuffer()),
  };
}
