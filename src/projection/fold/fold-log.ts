import type { DataSource } from 'typeorm';
import type { ProjectedRows } from '../../domain/message/message.projection.js';
import type { MessageState } from '../../domain/message/message.state.js';
import { isSampled } from '../../domain/trace-context.policy.js';
import { type DueWebhook, dueWebhook } from '../../domain/webhook/due-webhook.state.js';
import type { EventLog, StoredEvent } from '../../log/event-log.port.js';
import type { Erased } from '../tables/changes.js';
import type { Checkpoint } from '../tables/checkpoint.js';
import { codeOf } from '../tables/database.errors.js';
import type { BatchWriter, FoldedRows } from '../write/batch-writer.port.js';
import type { BatchingDelay } from './batching-delay.js';
import { cutAtErasures, FoldMemory } from './fold-memory.js';
import { type PassGap, withGapsSeen } from './gap-guard.js';
import { gatheredBatches } from './gathered-batches.js';
import { type ProjectedTraces, projectedTraces } from './projected-traces.policy.js';

export interface FoldTarget {
  readonly log: Pick<EventLog, 'read'>;
  readonly schema: string;
  /** A new one for each run. */
  readonly newWriter: () => BatchWriter;
  /** Reads what is not remembered, while the writer writes. */
  readonly dataSource: DataSource;
  /** The most events that are folded at a time. */
  readonly maxBatch: number;
  /** Records that are asked of the broker at a time, where they are more. */
  readonly ahead?: number;
  /** Lets few events wait for others, where there is no hurry. */
  readonly delay?: BatchingDelay | undefined;
  /** Asked about each gap before what lies behind it is folded; without it, gaps are passed over. */
  readonly passGap?: PassGap | undefined;
  /** Whether events are passed over whose message or conversation has no beginning in the log. */
  readonly lossAccepted?: () => boolean;
  /** `onApplied` is told which messages changed. */
  readonly tellsMessages?: boolean;
  /** By which clock `onApplied` is told of traces; absent where nobody keeps any. */
  readonly tracesAt?: (() => number) | undefined;
  /** What is folded when this sequence is reached is written, however little. */
  readonly until?: number;
}

/** What a transaction changed. */
export interface Applied {
  readonly from: number;
  /** The messages, as they are now, where they are to be told; some may be there twice, and erased ones too. */
  readonly messages: readonly MessageState[];
  readonly erased: readonly Erased[];
  /** Turns that ended, are held, or moved. */
  readonly turns: readonly string[];
  /** Webhooks that are to be tried at once. */
  readonly webhooks: readonly DueWebhook[];
  /** Where the last message ended whose end is to be told on NATS; null where none did. */
  readonly lastToTell: number | null;
  /** Null where no trace of it is kept. */
  readonly traced: Omit<ProjectedTraces, 'toMs'> | null;
}

type OnApplied = (checkpoint: Checkpoint, applied: Applied) => void;

/** What a transaction will hold, so far. */
interface OpenBatch {
  readonly from: Checkpoint;
  to: Checkpoint;
  readonly turns: string[];
  readonly messages: MessageState[];
  readonly erased: Erased[];
  readonly webhooks: DueWebhook[];
  lastToTell: number | null;
  /** Events whose traces are kept, and when the first of them was folded. */
  readonly traced: StoredEvent[];
  tracedFromMs: number;
}

/** PostgreSQL's `unique_violation`. */
const UNIQUE_VIOLATION = '23505';

/**
 * Folds the log into the tables from a checkpoint on, until the signal aborts. A batch is read, folded and encoded
 * while PostgreSQL writes the one before; they are committed in their order, each with its checkpoint.
 *
 * A received message counts as new, without asking PostgreSQL: otherwise most questions to PostgreSQL would be for new
 * messages. The log may hold a message's reception twice, because an append whose outcome was unknown was repeated late.
 * Then the key of `message_requests` refuses the transaction, and the fold goes on from the last checkpoint and asks
 * PostgreSQL about each message.
 *
 * @param onApplied called after each commit, with what it changed
 * @throws {FencedError} when another writer or a rebuild moved the checkpoint
 * @throws what `passGap` throws. Whole batches before it are written
 * @throws {MalformedEventError} {OrphanEventError} for an event that can't be folded. Whole batches before it are written
 */
export async function foldLog(
  target: FoldTarget,
  from: Checkpoint,
  signal: AbortSignal,
  onApplied: OnApplied,
): Promise<void> {
  let applied = from;
  const counted: OnApplied = (checkpoint, changes) => {
    applied = checkpoint;
    onApplied(checkpoint, changes);
  };
  try {
    await run(target, true, from, signal, counted);
  } catch (error) {
    if (codeOf(error) !== UNIQUE_VIOLATION) throw error;
    // An aborted fold is not repeated: the next run reads the same events again.
    if (!signal.aborted) await run(target, false, applied, signal, onApplied);
  }
}

async function run(
  target: FoldTarget,
  receivedAreNew: boolean,
  from: Checkpoint,
  signal: AbortSignal,
  onApplied: OnApplied,
): Promise<void> {
  const { log, maxBatch, ahead = maxBatch, until = Number.POSITIVE_INFINITY, passGap } = target;
  const memory = new FoldMemory(target.dataSource, target.schema, receivedAreNew, target.lossAccepted);
  const writer = target.newWriter();
  const failed = new AbortController();
  const read = { signal: AbortSignal.any([signal, failed.signal]), maxBatch, ahead };
  let batch = begun(from);
  let writing: Promise<void> = Promise.resolve();
  try {
    const events = log.read(from.sequence + 1, read);
    const source = passGap === undefined ? events : withGapsSeen(events, from.sequence, passGap);
    const batches = gatheredBatches(source, maxBatch, target.delay);
    for await (const events of batches) {
      for (const part of cutAtErasures(events)) {
        const rows = await memory.fold(part);
        const full = writer.add(rows);
        extend(batch, part, rows.messages);
        if (target.tracesAt !== undefined) noteTraces(batch, part, target.tracesAt);
        if (target.tellsMessages === true) batch.messages.push(...rows.messages.messages.values());
        if (rows.erases) batch.erased.push(...erasedBy(part, rows));
        if (!full && !rows.erases && batch.to.sequence < until) continue;
        const { to, turns, webhooks, messages, erased, lastToTell } = batch;
        const traced = tracedIn(batch);
        const change = { from: batch.from.sequence, messages, erased, turns, webhooks, lastToTell, traced };
        const write = writer.seal(batch.from, to);
        await writing;
        memory.sealed();
        writing = write().then(() => onApplied(to, change));
        // An idle log yields nothing that would lead to the next `await`: end the reading, and it comes to light below.
        writing.catch(() => failed.abort());
        batch = begun(to);
        if (rows.erases) await writing;
      }
    }
  } finally {
    failed.abort();
    await writing;
  }
}

function begun(from: Checkpoint): OpenBatch {
  return {
    ...{ from, to: from, turns: [], webhooks: [], messages: [], erased: [], lastToTell: null },
    ...{ traced: [], tracedFromMs: 0 },
  };
}

function noteTraces(batch: OpenBatch, events: readonly StoredEvent[], nowMs: () => number): void {
  for (const stored of events) {
    if (!isSampled(stored.event.traceparent)) continue;
    if (batch.traced.length === 0) batch.tracedFromMs = nowMs();
    batch.traced.push(stored);
  }
}

function tracedIn({ traced, tracedFromMs }: OpenBatch): Applied['traced'] {
  return traced.length === 0 ? null : { traces: projectedTraces(traced), fromMs: tracedFromMs };
}

/** @param events of which the last one takes rows away */
function erasedBy(events: readonly StoredEvent[], { conversations }: FoldedRows): Erased[] {
  const { event } = events[events.length - 1]!;
  const { tenant, subject } = event;
  const messageOf = (id: string) => ({ kind: 'message', tenant, id }) as const;
  if (event.type === 'llmq.conversation.erased.v1')
    return [{ kind: 'conversation', tenant, id: subject }, ...(event.data.message_ids ?? []).map(messageOf)];
  return (conversations.erased?.messageIds ?? []).map(messageOf);
}

function extend(
  batch: OpenBatch,
  events: readonly StoredEvent[],
  { messages, turnMoves, webhooks }: ProjectedRows,
): void {
  const last = events[events.length - 1]!;
  batch.to = { sequence: last.sequence, eventId: last.event.id, generation: batch.from.generation };
  for (const webhook of webhooks.values()) {
    if (webhook.status === 'waiting' && webhook.tries === 0) batch.webhooks.push(dueWebhook(webhook));
  }
  for (const { id, conversationId, heldBehind, terminalSequence, resultTo } of messages.values()) {
    if (resultTo !== null && terminalSequence !== null)
      batch.lastToTell = Math.max(batch.lastToTell ?? 0, terminalSequence);
    if (conversationId === null) continue;
    if (heldBehind !== null || terminalSequence !== null || turnMoves.has(id)) batch.turns.push(id);
  }
}
