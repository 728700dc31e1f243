import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import { type Columns, column, nullable, sequence, Table, uuid, word } from './table.js';

/** One prepared statement and its parameters, as `pg` takes it. `name` stands for `text` on a connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** How far a schema's tables are folded, and which tables they are. */
export interface Checkpoint {
  /** 0 before the first event. */
  readonly sequence: number;
  /** The id of the event at `sequence`; null before the first. */
  readonly eventId: string | null;
  /** Another one after a rebuild. */
  readonly generation: string;
}

const columns = {
  name: column(word, () => NAME),
  lastSequence: column(sequence, (row) => row.sequence),
  /** The id of the event at `last_sequence`, to tell this log from another one that took its place. */
  lastEventId: nullable(word, (row) => row.eventId),
  /** Made with the schema; a rebuild's tables have another, which is how a projector notices the swap. */
  generation: column(uuid, (row) => row.generation),
} satisfies Columns<Checkpoint>;

/** How far the tables beside it are folded. It changes in the transaction that changes them, or not at all. */
export const projectionCheckpoint = new Table<Checkpoint, typeof columns>('projection_checkpoint', columns, {
  key: ['name'],
});

/** The one fold there is so far; further ones get a checkpoint of their own in the same table. */
const NAME = 'messages';

function select(schema: string): string {
  return `SELECT last_sequence AS sequence, last_event_id AS "eventId", generation
    FROM "${schema}".projection_checkpoint WHERE name = '${NAME}'`;
}

function fromRow(row: { sequence: string | number; eventId: string | null; generation: string }): Checkpoint {
  return { ...row, sequence: Number(row.sequence) };
}

export async function readCheckpoint(source: ClientBase | DataSource, schema: string): Promise<Checkpoint> {
  const result = await (source as ClientBase).query(select(schema));
  // pg answers with a result, TypeORM with its rows.
  const [row] = Array.isArray(result) ? result : result.rows;
  if (row === undefined) throw new CheckpointMissingError(schema);
  return fromRow(row);
}

/**
 * Moves the checkpoint from where the caller believes it is. It comes first in a transaction: its row lock holds back a
 * second writer (and a rebuild's swap) until the rows are in.
 *
 * When the checkpoint is elsewhere, or the tables are not those it was read from, the statement fails (it divides by
 * the number of rows it moved, none) and the transaction with it, whatever was already sent behind it.
 */
export function advanceStatement(schema: string, from: Checkpoint, to: Checkpoint): Statement {
  return {
    name: 'llmq_advance_checkpoint',
    text: `WITH moved AS (
        UPDATE "${schema}".projection_checkpoint SET last_sequence = $1, last_event_id = $2
        WHERE name = '${NAME}' AND last_sequence = $3 AND generation = $4
        RETURNING 1
      ) SELECT 1 / count(*) FROM moved`,
    values: [to.sequence, to.eventId, from.sequence, from.generation],
  };
}

/** Whether `advanceStatement` failed because it moved nothing: `division_by_zero`. */
export function isNotMoved(error: unknown): boolean {
  return (error as { code?: unknown }).code === '22012';
}

/** Somebody else moved the checkpoint, or a rebuild swapped the tables: read it again and go on from there. */
export class FencedError extends Error {
  readonly code = 'projection_fenced';
  constructor(sequence: number) {
    super(`The projection is no longer at sequence ${sequence} of the tables that this writer knows.`);
  }
}

export class CheckpointMissingError extends Error {
  readonly code = 'checkpoint_missing';
  constructor(schema: string) {
    super(
      `The table projection_checkpoint of schema ${schema} has lost its row. The tables can't be trusted any more; run "npm run projections:rebuild".`,
    );
  }
}
