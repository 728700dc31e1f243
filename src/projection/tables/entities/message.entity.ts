import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { AttemptError, Lane, PriorityReason } from '../../../domain/message/message.events.js';
import type { MessageStatus } from '../../../domain/message/message.state.js';

/**
 * Where a message stands: the part that its later events change. It is kept narrow, and without the indexes that only
 * what was asked needs (they are on `message_requests`), because each change of the status writes a whole new row and
 * an entry into every index of this table.
 */
@Entity('messages')
@Index('messages_by_status', ['tenant', 'status', 'createdAt', 'id'])
@Index('messages_by_priority', ['tenant', 'priority', 'createdAt', 'id'])
@Index('messages_waiting', ['priority', 'lastSequence'], {
  where: "((status = 'pending'::text) AND (held_behind IS NULL))",
})
@Index('messages_apart', ['status', 'priority'], {
  where: "(status = ANY (ARRAY['scheduled'::text, 'failed'::text]))",
})
@Index('messages_ended', ['completedAt', 'tenant', 'priority', 'status', 'waitedMs', 'startedAt'], {
  where: '(completed_at IS NOT NULL)',
})
@Index('messages_by_deadline', ['deadline'], {
  where: '((terminal_sequence IS NULL) AND (deadline IS NOT NULL))',
})
export class MessageEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'messages_pkey' })
  id!: string;

  @Column({ type: 'text' })
  tenant!: string;

  @Column({ type: 'text' })
  status!: MessageStatus;

  @Column({ type: 'text' })
  priority!: Lane;

  @Column({ name: 'priority_reason', type: 'text' })
  priorityReason!: PriorityReason;

  @Column({ type: 'text', nullable: true })
  model!: string | null;

  @Column({ type: 'integer' })
  attempts!: number;

  @Column({ name: 'open_attempts', type: 'integer' })
  openAttempts!: number;

  @Column({ name: 'current_attempt', type: 'integer' })
  currentAttempt!: number;

  @Column({ name: 'max_retries', type: 'integer' })
  maxRetries!: number;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', precision: 3 })
  updatedAt!: Date;

  @Column({ name: 'scheduled_at', type: 'timestamptz', precision: 3, nullable: true })
  scheduledAt!: Date | null;

  @Column({ name: 'started_at', type: 'timestamptz', precision: 3, nullable: true })
  startedAt!: Date | null;

  @Column({ name: 'completed_at', type: 'timestamptz', precision: 3, nullable: true })
  completedAt!: Date | null;

  @Column({ name: 'waited_ms', type: 'double precision', nullable: true })
  waitedMs!: number | null;

  @Column({ type: 'json', nullable: true })
  error!: AttemptError | null;

  @Column({ name: 'received_sequence', type: 'bigint' })
  receivedSequence!: number;

  @Column({ name: 'last_sequence', type: 'bigint' })
  lastSequence!: number;

  @Column({ name: 'terminal_sequence', type: 'bigint', nullable: true })
  terminalSequence!: number | null;

  @Column({ name: 'held_behind', type: 'uuid', nullable: true })
  @Index('messages_held', { where: '(held_behind IS NOT NULL)' })
  heldBehind!: string | null;

  @Column({ name: 'lane_sequence', type: 'bigint', nullable: true })
  laneSequence!: number | null;

  /** Also with the request, which never changes; here for the search for what expired while it waited. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deadline!: Date | null;
}
