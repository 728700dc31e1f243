import type { Client } from 'pg';
import type { DataSource } from 'typeorm';
import type { EventLog, StoredEvent } from '../event-log/event-log.port.js';
import type { ProjectedRows } from '../message/message.projection.js';
import type { Checkpoint } from './checkpoint.js';
import { cutAtErasures, FoldMemory } from './fold-memory.js';
import { gatheredBatches } from './gathered-batches.js';
import type { Linger } from './linger.js';
import { conversationStatements, rowStatements } from './row-statements.js';
import { commitBatch, type PreparedBatch } from './row-writer.js';

export interface FoldTarget {
  readonly log: EventLog;
  readonly schema: string;
  /** Writes, in pg's pipeline mode. Nothing else may send it transactions meanwhile. */
  readonly client: Client;
  /** Reads what the writer does not remember, at the same time. */
  readonly dataSource: DataSource;
  readonly maxBatch: number;
  /** Lets few events wait for others, where there is no hurry. */
  readonly linger?: Linger | undefined;
}

/**
 * Folds the log into the tables from a checkpoint on, until the signal aborts. A batch is read, folded and encoded
 * while PostgreSQL writes the one before; they are committed in their order, each with its checkpoint.
 *
 * @param onApplied called after each commit, with the turns that ended in it, are held, or moved
 * @throws {FencedError} when another writer or a rebuild moved the checkpoint
 * @throws {MalformedEventError} {OrphanEventError} for an event that can't be folded; all before it is written
 */
export async function foldLog(
  target: FoldTarget,
  from: Checkpoint,
  signal: AbortSignal,
  onApplied: (checkpoint: Checkpoint, turns: readonly string[]) => void,
): Promise<void> {
  const memory = new FoldMemory(target.dataSource, target.schema, target.maxBatch);
  const failed = new AbortController();
  const read = { signal: AbortSignal.any([signal, failed.signal]), maxBatch: target.maxBatch };
  let at = from;
  let writing: Promise<void> = Promise.resolve();
  try {
    const batches = gatheredBatches(target.log.read(from.sequence + 1, read), target.maxBatch, target.linger);
    for await (const events of batches) {
      for (const part of cutAtErasures(events)) {
        const { erases, ...batch } = await prepare(target.schema, memory, at, part);
        await writing;
        writing = commitBatch(target.client, target.schema, batch).then(() =>
          onApplied(batch.to, batch.turns),
        );
        // An idle log yields nothing that would lead to the next `await`: end the reading, and it comes to light below.
        writing.catch(() => failed.abort());
        at = batch.to;
        if (erases) await writing;
      }
    }
  } finally {
    failed.abort();
    await writing;
  }
}

async function prepare(
  schema: string,
  memory: FoldMemory,
  from: Checkpoint,
  events: readonly StoredEvent[],
): Promise<PreparedBatch & { readonly erases: boolean }> {
  const { messages, conversations, erases } = await memory.fold(events);
  const last = events[events.length - 1]!;
  const to = { sequence: last.sequence, eventId: last.event.id, generation: from.generation };
  const statements = [...rowStatements(schema, messages), ...conversationStatements(schema, conversations)];
  return { from, to, statements, erases, turns: movedTurns(messages) };
}

function movedTurns({ messages, turnMoves }: ProjectedRows): string[] {
  const moved: string[] = [];
  for (const { id, conversationId, heldBehind, terminalSequence } of messages.values()) {
    if (conversationId === null) continue;
    if (heldBehind !== null || terminalSequence !== null || turnMoves.has(id)) moved.push(id);
  }
  return moved;
}
