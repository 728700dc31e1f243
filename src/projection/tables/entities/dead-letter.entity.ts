import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { AttemptError, Lane } from '../../../domain/message/message.events.js';
import type { DeadLetterRow } from '../../../domain/message/message.projection.js';

/** A message that failed for good, as it was then, and whether it still waits for someone to decide on it. */
@Entity('dead_letters')
@Index('dead_letters_open', ['tenant', 'deadLetteredAt', 'messageId'], { where: "(state = 'open'::text)" })
export class DeadLetterEntity {
  @PrimaryColumn({ name: 'message_id', type: 'uuid', primaryKeyConstraintName: 'dead_letters_pkey' })
  messageId!: string;

  @Column({ type: 'text' })
  tenant!: string;

  @Column({ type: 'text' })
  state!: DeadLetterRow['state'];

  @Column({ name: 'user_id', type: 'text' })
  userId!: string;

  @Column({ type: 'text' })
  priority!: Lane;

  @Column({ type: 'text', nullable: true })
  model!: string | null;

  @Column({ type: 'json' })
  error!: AttemptError;

  @Column({ name: 'error_code', type: 'text' })
  errorCode!: string;

  @Column({ type: 'integer' })
  attempts!: number;

  @Column({ name: 'last_attempt', type: 'integer' })
  lastAttempt!: number;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ name: 'dead_lettered_at', type: 'timestamptz', precision: 3 })
  deadLetteredAt!: Date;

  @Column({ name: 'received_sequence', type: 'bigint' })
  receivedSequence!: number;

  @Column({ name: 'terminal_sequence', type: 'bigint' })
  terminalSequence!: number;

  @Column({ name: 'last_sequence', type: 'bigint' })
  lastSequence!: number;
}
