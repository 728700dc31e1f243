import type {
  AttemptRow,
  RequestRow,
  ResultRow,
  SequencedEvent,
} from '../../domain/message/message.projection.js';
import type { MessageState } from '../../domain/message/message.state.js';
import { storableIdentifier, storableJson, storableText } from '../tables/storable-text.js';
import type { ColumnType, ColumnValue } from './value-writer.js';

export interface ColumnWrite<R> {
  readonly name: string;
  readonly type: ColumnType;
  readonly value: (row: R) => ColumnValue;
}

/** How rows of one kind go into their table. */
export interface TableWrite<R> {
  readonly table: string;
  readonly columns: readonly ColumnWrite<R>[];
  /**
   * `ON CONFLICT ...`, where rows change. Each leaves a newer row alone. Rows that are only ever added have none: the
   * checkpoint says that they are new, and if one is not, the tables are broken and the projector has to stop.
   */
  readonly onConflict: string;
}

export function column<R>(name: string, type: ColumnType, value: (row: R) => ColumnValue): ColumnWrite<R> {
  return { name, type, value };
}

export function optional<T>(value: T | null | undefined, write: (value: T) => string): string | null {
  return value === null || value === undefined ? null : write(value);
}

export function replaceAll<R>(columns: readonly ColumnWrite<R>[], key: readonly string[]): string {
  return columns
    .filter(({ name }) => !key.includes(name))
    .map(({ name }) => `${name} = excluded.${name}`)
    .join(', ');
}

const messageColumns: readonly ColumnWrite<MessageState>[] = [
  column('id', 'uuid', (row) => row.id),
  column('tenant', 'text', (row) => storableIdentifier(row.tenant)),
  column('status', 'text', (row) => row.status),
  column('priority', 'text', (row) => row.priority),
  column('priority_reason', 'text', (row) => storableText(row.priorityReason)),
  column('model', 'text', (row) => optional(row.model, storableText)),
  column('attempts', 'integer', (row) => row.attempts),
  column('open_attempts', 'integer', (row) => row.openAttempts),
  column('current_attempt', 'integer', (row) => row.currentAttempt),
  column('max_retries', 'integer', (row) => row.maxRetries),
  column('created_at', 'timestamptz', (row) => row.createdAt),
  column('updated_at', 'timestamptz', (row) => row.updatedAt),
  column('scheduled_at', 'timestamptz', (row) => row.scheduledAt),
  column('started_at', 'timestamptz', (row) => row.startedAt),
  column('completed_at', 'timestamptz', (row) => row.completedAt),
  column('waited_ms', 'double precision', (row) => row.waitedMs),
  column('error', 'json', (row) => optional(row.error, storableJson)),
  column('received_sequence', 'bigint', (row) => row.receivedSequence),
  column('last_sequence', 'bigint', (row) => row.lastSequence),
  column('terminal_sequence', 'bigint', (row) => row.terminalSequence),
  column('held_behind', 'uuid', (row) => row.heldBehind),
  column('lane_sequence', 'bigint', (row) => row.laneSequence),
  column('deadline', 'timestamptz', (row) => row.deadline),
];

export const messageWrite: TableWrite<MessageState> = {
  table: 'messages',
  columns: messageColumns,
  onConflict: `ON CONFLICT (id) DO UPDATE SET ${replaceAll(messageColumns, ['id', 'tenant', 'created_at', 'received_sequence'])}
    WHERE messages.last_sequence < excluded.last_sequence`,
};

export const requestWrite: TableWrite<RequestRow> = {
  table: 'message_requests',
  columns: [
    column('message_id', 'uuid', (row) => row.messageId),
    column('sequence', 'bigint', (row) => row.sequence),
    column('turn_sequence', 'bigint', (row) =>
      row.event.data.conversation_id === null ? null : row.sequence,
    ),
    column('tenant', 'text', (row) => storableIdentifier(row.event.tenant)),
    column('user_id', 'text', (row) => storableIdentifier(row.event.data.user_id)),
    column('conversation_id', 'text', (row) => optional(row.event.data.conversation_id, storableIdentifier)),
    column('created_at', 'timestamptz', (row) => row.event.time),
    column('request', 'json', (row) => storableJson(row.event.data.request)),
    column('metadata', 'json', (row) => storableJson(row.event.data.metadata)),
    column('requested_priority', 'text', (row) => row.event.data.requested_priority),
    column('source', 'text', (row) => row.event.data.source),
    column('stream', 'boolean', (row) => row.event.data.stream),
    column('timeout_ms', 'double precision', (row) => row.event.data.timeout_ms),
    column('deadline', 'timestamptz', (row) => row.event.data.deadline),
    column('analysis', 'json', (row) => optional(row.analysis, storableJson)),
    column('replay_of', 'text', (row) => optional(row.event.data.replay_of, storableIdentifier)),
  ],
  onConflict: '',
};

const resultColumns: readonly ColumnWrite<ResultRow>[] = [
  column('message_id', 'uuid', (row) => row.messageId),
  column('sequence', 'bigint', (row) => row.sequence),
  column('attempt', 'integer', (row) => row.attempt),
  column('delivery', 'integer', (row) => row.delivery),
  column('answer', 'json', (row) => storableJson(row.answer)),
  column('finish_reason', 'text', (row) => optional(row.finishReason, storableText)),
  column('model', 'text', (row) => storableText(row.model)),
  column('endpoint', 'text', (row) => storableText(row.endpoint)),
  column('prompt_tokens', 'bigint', (row) => row.usage?.prompt_tokens ?? null),
  column('completion_tokens', 'bigint', (row) => row.usage?.completion_tokens ?? null),
  column('queue_ms', 'double precision', (row) => row.queueMs),
  column('first_token_ms', 'double precision', (row) => row.firstTokenMs),
  column('total_ms', 'double precision', (row) => row.totalMs),
];

export const resultWrite: TableWrite<ResultRow> = {
  table: 'message_results',
  columns: resultColumns,
  onConflict: `ON CONFLICT (message_id) DO UPDATE SET ${replaceAll(resultColumns, ['message_id'])}
    WHERE message_results.sequence < excluded.sequence`,
};

/** What a row without a start leaves as it is stored. The endpoint is there twice: the end may be all that names it. */
const startColumns: readonly ColumnWrite<AttemptRow>[] = [
  column('dispatched_sequence', 'bigint', (row) => row.start?.sequence ?? null),
  column('worker', 'text', (row) => optional(row.start?.worker, storableText)),
  column('endpoint', 'text', (row) => optional(row.start?.endpoint ?? row.end?.endpoint, storableText)),
  column('endpoint_reason', 'text', (row) => optional(row.start?.endpointReason, storableText)),
  column('model', 'text', (row) => optional(row.start?.model, storableText)),
  column('waited_ms', 'double precision', (row) => row.start?.waitedMs ?? null),
  column('started_at', 'timestamptz', (row) => row.start?.startedAt ?? null),
];

const endColumns: readonly ColumnWrite<AttemptRow>[] = [
  column('sequence', 'bigint', (row) => row.sequence),
  column('ended_at', 'timestamptz', (row) => row.end?.endedAt ?? null),
  column('outcome', 'text', (row) => row.end?.outcome ?? null),
  column('error', 'json', (row) => optional(row.end?.error, storableJson)),
  column('chunks_delivered', 'integer', (row) => row.end?.chunksDelivered ?? null),
  column('next_retry_at', 'timestamptz', (row) => row.end?.nextRetryAt ?? null),
];

function keepStart(name: string): string {
  const kept = `CASE WHEN excluded.dispatched_sequence IS NULL AND attempts.dispatched_sequence IS NOT NULL`;
  return `${name} = ${kept} THEN attempts.${name} ELSE excluded.${name} END`;
}

export const attemptWrite: TableWrite<AttemptRow> = {
  table: 'attempts',
  columns: [
    column('message_id', 'uuid', (row) => row.messageId),
    column('attempt', 'integer', (row) => row.attempt),
    column('delivery', 'integer', (row) => row.delivery),
    ...startColumns,
    ...endColumns,
  ],
  onConflict: `ON CONFLICT (message_id, attempt, delivery) DO UPDATE SET
    ${startColumns.map(({ name }) => keepStart(name)).join(', ')}, ${replaceAll(endColumns, [])}
    WHERE attempts.sequence < excluded.sequence`,
};

export const eventWrite: TableWrite<SequencedEvent> = {
  table: 'message_events',
  columns: [
    column('message_id', 'uuid', (row) => row.event.subject),
    column('sequence', 'bigint', (row) => row.sequence),
    column('type', 'text', (row) => row.event.type),
    column('time', 'timestamptz', (row) => row.event.time),
  ],
  onConflict: '',
};
