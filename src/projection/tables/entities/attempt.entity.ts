import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AttemptError } from '../../../domain/message/message.events.js';

const key = { primaryKeyConstraintName: 'attempts_pkey' };

/** One call to a model. `outcome` is null while it runs, and for ever when its worker died. */
@Entity('attempts')
export class AttemptEntity {
  @PrimaryColumn({ name: 'message_id', type: 'uuid', ...key })
  messageId!: string;

  @PrimaryColumn({ type: 'integer', ...key })
  attempt!: number;

  @PrimaryColumn({ type: 'integer', ...key })
  delivery!: number;

  /** The last event that this row holds. */
  @Column({ type: 'bigint' })
  sequence!: number;

  /** Where the call began; null when it failed before an endpoint was called. */
  @Column({ name: 'dispatched_sequence', type: 'bigint', nullable: true })
  dispatchedSequence!: number | null;

  @Column({ type: 'text', nullable: true })
  worker!: string | null;

  @Column({ type: 'text', nullable: true })
  endpoint!: string | null;

  @Column({ name: 'endpoint_reason', type: 'text', nullable: true })
  endpointReason!: string | null;

  @Column({ type: 'text', nullable: true })
  model!: string | null;

  @Column({ name: 'waited_ms', type: 'double precision', nullable: true })
  waitedMs!: number | null;

  @Column({ name: 'started_at', type: 'timestamptz', precision: 3, nullable: true })
  startedAt!: Date | null;

  @Column({ name: 'ended_at', type: 'timestamptz', precision: 3, nullable: true })
  endedAt!: Date | null;

  @Column({ type: 'text', nullable: true })
  outcome!: 'completed' | 'failed' | null;

  @Column({ type: 'json', nullable: true })
  error!: AttemptError | null;

  @Column({ name: 'chunks_delivered', type: 'integer', nullable: true })
  chunksDelivered!: number | null;

  @Column({ name: 'next_retry_at', type: 'timestamptz', precision: 3, nullable: true })
  nextRetryAt!: Date | null;
}
