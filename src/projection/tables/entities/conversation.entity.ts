import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { DoubleTexting } from '../../../domain/conversation/conversation.events.js';
import type {
  ConversationStateName,
  ConversationSummary,
} from '../../../domain/conversation/conversation.state.js';
import type { Lane } from '../../../domain/message/message.events.js';

/** A conversation as it is now, or the tombstone of an erased one. */
@Entity('conversations')
@Index('conversations_by_time', ['tenant', 'createdAt', 'id'])
@Index('conversations_by_user', ['tenant', 'userId', 'createdAt', 'id'])
@Index('conversations_by_activity', ['state', 'lastActivityAt'])
export class ConversationEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'conversations_pkey' })
  id!: string;

  @Column({ type: 'text' })
  tenant!: string;

  @Column({ name: 'user_id', type: 'text', nullable: true })
  userId!: string | null;

  @Column({ type: 'text', nullable: true })
  title!: string | null;

  /** A JSON string: a prompt may hold what `text` refuses. */
  @Column({ type: 'json', nullable: true })
  context!: string | null;

  @Column({ type: 'text', nullable: true })
  priority!: Lane | null;

  @Column({ type: 'text', nullable: true })
  model!: string | null;

  @Column({ name: 'double_texting', type: 'text' })
  doubleTexting!: DoubleTexting;

  @Column({ type: 'json' })
  metadata!: Record<string, unknown>;

  @Column({ type: 'text' })
  state!: ConversationStateName;

  @Column({ name: 'message_count', type: 'integer' })
  messageCount!: number;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', precision: 3 })
  updatedAt!: Date;

  @Column({ name: 'last_message_at', type: 'timestamptz', precision: 3, nullable: true })
  lastMessageAt!: Date | null;

  @Column({ name: 'last_activity_at', type: 'timestamptz', precision: 3 })
  lastActivityAt!: Date;

  @Column({ type: 'json', nullable: true })
  summary!: ConversationSummary | null;

  @Column({ name: 'erased_at', type: 'timestamptz', precision: 3, nullable: true })
  erasedAt!: Date | null;

  @Column({ name: 'erased_by', type: 'text', nullable: true })
  erasedBy!: string | null;

  @Column({ name: 'last_sequence', type: 'bigint' })
  lastSequence!: number;
}
