import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Analysis, Lane, ModelRequest } from '../../../domain/message/message.events.js';

/** What was asked, by whom and when. Written once, but for a turn that moves, so its indexes cost one entry for each message. */
@Entity('message_requests')
@Index('message_requests_by_time', ['tenant', 'createdAt', 'messageId'])
@Index('message_requests_by_user', ['tenant', 'userId', 'createdAt', 'messageId'])
@Index('message_requests_by_conversation', ['tenant', 'conversationId', 'createdAt', 'messageId'], {
  where: '(conversation_id IS NOT NULL)',
})
@Index('message_requests_by_turn', ['tenant', 'conversationId', 'turnSequence'], {
  where: '(conversation_id IS NOT NULL)',
})
@Index('message_requests_by_replay', ['replayOf'], { where: '(replay_of IS NOT NULL)' })
@Index('message_requests_by_replay_time', ['createdAt'], { where: '(replay_of IS NOT NULL)' })
export class MessageRequestEntity {
  @PrimaryColumn({ name: 'message_id', type: 'uuid', primaryKeyConstraintName: 'message_requests_pkey' })
  messageId!: string;

  @Column({ type: 'bigint' })
  sequence!: number;

  /** Its place among the turns of its conversation; null outside of one. */
  @Column({ name: 'turn_sequence', type: 'bigint', nullable: true })
  turnSequence!: number | null;

  @Column({ type: 'text' })
  tenant!: string;

  @Column({ name: 'user_id', type: 'text' })
  userId!: string;

  @Column({ name: 'conversation_id', type: 'text', nullable: true })
  conversationId!: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  /** `json`, not `jsonb` or `text`: it keeps NUL and lone surrogates in their escapes, which the others refuse. */
  @Column({ type: 'json' })
  request!: ModelRequest;

  @Column({ type: 'json' })
  metadata!: Record<string, unknown>;

  @Column({ name: 'requested_priority', type: 'text', nullable: true })
  requestedPriority!: Lane | null;

  @Column({ type: 'text' })
  source!: string;

  @Column({ type: 'boolean' })
  stream!: boolean;

  @Column({ name: 'timeout_ms', type: 'double precision' })
  timeoutMs!: number;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deadline!: Date | null;

  /** What was found in it when it was prioritized; null where nobody looked. */
  @Column({ type: 'json', nullable: true })
  analysis!: Analysis | null;

  @Column({ name: 'replay_of', type: 'text', nullable: true })
  replayOf!: string | null;
}
