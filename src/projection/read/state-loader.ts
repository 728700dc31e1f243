import type { DataSource } from 'typeorm';
import type { AttemptError, Lane, PriorityReason } from '../../domain/message/message.events.js';
import type { MessageState, MessageStatus } from '../../domain/message/message.state.js';

interface StateRow {
  id: string;
  tenant: string;
  user_id: string;
  conversation_id: string | null;
  priority: Lane;
  priority_reason: PriorityReason;
  status: MessageStatus;
  attempts: number;
  open_attempts: number;
  max_retries: number;
  model: string | null;
  created_at: Date;
  updated_at: Date;
  scheduled_at: Date | null;
  current_attempt: number;
  started_at: Date | null;
  completed_at: Date | null;
  waited_ms: number | null;
  error: AttemptError | null;
  received_sequence: number;
  turn_sequence: number | null;
  last_sequence: number;
  terminal_sequence: number | null;
  held_behind: string | null;
  lane_sequence: number | null;
  deadline: Date | null;
}

/** The states of those of `ids` that the projection knows. */
export async function loadStates(
  dataSource: DataSource,
  schema: string,
  ids: readonly string[],
): Promise<MessageState[]> {
  if (ids.length === 0) return [];
  const rows: StateRow[] = await dataSource.query(
    `SELECT m.*, q.user_id, q.conversation_id, q.turn_sequence
      FROM "${schema}".messages m JOIN "${schema}".message_requests q ON q.message_id = m.id
      WHERE m.id = ANY($1::uuid[])`,
    [ids],
  );
  return rows.map(toState);
}

function toState(row: StateRow): MessageState {
  return {
    id: row.id,
    tenant: row.tenant,
    userId: row.user_id,
    conversationId: row.conversation_id,
    priority: row.priority,
    priorityReason: row.priority_reason,
    status: row.status,
    attempts: row.attempts,
    openAttempts: row.open_attempts,
    maxRetries: row.max_retries,
    model: row.model,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    scheduledAt: row.scheduled_at?.toISOString() ?? null,
    currentAttempt: row.current_attempt,
    deadline: row.deadline?.toISOString() ?? null,
    startedAt: row.started_at?.toISOString() ?? null,
    completedAt: row.completed_at?.toISOString() ?? null,
    waitedMs: row.waited_ms,
    error: row.error,
    receivedSequence: Number(row.received_sequence),
    turnSequence: Number(row.turn_sequence ?? row.received_sequence),
    lastSequence: Number(row.last_sequence),
    heldBehind: row.held_behind,
    laneSequence: row.lane_sequence === null ? null : Number(row.lane_sequence),
    terminalSequence: row.terminal_sequence === null ? null : Number(row.terminal_sequence),
  };
}
