import type { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { MalformedEventError } from '../event-log/event-log.errors.js';
import type { EventLog, StoredEvent } from '../event-log/event-log.port.js';
import { isMessageEvent } from '../event-log/log-event.events.js';
import { project, type SequencedEvent } from '../message/message.projection.js';
import type { Checkpoint } from './checkpoint.js';
import { gatheredBatches } from './gathered-batches.js';
import { HotStates } from './hot-states.js';
import type { Linger } from './linger.js';
import { rowStatements } from './row-statements.js';
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

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Folds the log into the tables from a checkpoint on, until the signal aborts. A batch is read, folded and encoded
 * while PostgreSQL writes the one before; they are committed in their order, each with its checkpoint.
 *
 * @param onApplied called after each commit
 * @throws {FencedError} when another writer or a rebuild moved the checkpoint
 * @throws {MalformedEventError} {OrphanEventError} for an event that can't be folded; all before it is written
 */
export async function foldLog(
  target: FoldTarget,
  from: Checkpoint,
  signal: AbortSignal,
  onApplied: (checkpoint: Checkpoint) => void,
): Promise<void> {
  const states = new HotStates(target.dataSource, target.schema, target.maxBatch);
  const failed = new AbortController();
  const read = { signal: AbortSignal.any([signal, failed.signal]), maxBatch: target.maxBatch };
  let at = from;
  let writing: Promise<void> = Promise.resolve();
  try {
    const batches = gatheredBatches(target.log.read(from.sequence + 1, read), target.maxBatch, target.linger);
    for await (const events of batches) {
      const batch = await prepare(target.schema, states, at, events);
      await writing;
      writing = commitBatch(target.client, target.schema, batch).then(() => onApplied(batch.to));
      // An idle log yields nothing that would lead to the next `await`: end the reading, and it comes to light below.
      writing.catch(() => failed.abort());
      at = batch.to;
    }
  } finally {
    failed.abort();
    await writing;
  }
}

async function prepare(
  schema: string,
  states: HotStates,
  from: Checkpoint,
  events: readonly StoredEvent[],
): Promise<PreparedBatch> {
  const ofMessages = events.filter(isOfMessage);
  const known = await states.get(messageIds(ofMessages));
  const rows = project(known, ofMessages);
  states.put(known);
  states.put(rows.messages);
  const last = events[events.length - 1]!;
  const to = { sequence: last.sequence, eventId: last.event.id, generation: from.generation };
  return { from, to, statements: rowStatements(schema, rows) };
}

function isOfMessage(stored: StoredEvent): stored is StoredEvent & SequencedEvent {
  return isMessageEvent(stored.event);
}

function messageIds(events: readonly StoredEvent[]): Set<string> {
  const ids = new Set<string>();
  for (const { event, sequence } of events) {
    if (!UUID.test(event.subject)) {
      throw new MalformedEventError(`its subject ${JSON.stringify(event.subject)} is not a UUID`, sequence);
    }
    ids.add(event.subject);
  }
  return ids;
}
