import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * The answer that counts. It belongs to the message while `messages.terminal_sequence` names its `sequence`; after a
 * requeue it is history until the next answer takes its place.
 */
@Entity('message_results')
export class MessageResultEntity {
  @PrimaryColumn({ name: 'message_id', type: 'uuid', primaryKeyConstraintName: 'message_results_pkey' })
  messageId!: string;

  @Column({ type: 'bigint' })
  sequence!: number;

  @Column({ type: 'integer' })
  attempt!: number;

  @Column({ type: 'integer' })
  delivery!: number;

  @Column({ type: 'json' })
  answer!: { content: string | null } & Record<string, unknown>;

  @Column({ name: 'finish_reason', type: 'text', nullable: true })
  finishReason!: string | null;

  @Column({ type: 'text' })
  model!: string;

  @Column({ type: 'text' })
  endpoint!: string;

  @Column({ name: 'prompt_tokens', type: 'bigint', nullable: true })
  promptTokens!: number | null;

  @Column({ name: 'completion_tokens', type: 'bigint', nullable: true })
  completionTokens!: number | null;

  @Column({ name: 'queue_ms', type: 'double precision' })
  queueMs!: number;

  @Column({ name: 'first_token_ms', type: 'double precision', nullable: true })
  firstTokenMs!: number | null;

  @Column({ name: 'total_ms', type: 'double precision' })
  totalMs!: number;
}
