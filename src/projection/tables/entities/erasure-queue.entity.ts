import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An event that is still in the log although what it belongs to is erased. */
@Entity('erasure_queue')
export class ErasureQueueEntity {
  @PrimaryColumn({ name: 'conversation_id', type: 'uuid', primaryKeyConstraintName: 'erasure_queue_pkey' })
  conversationId!: string;

  @PrimaryColumn({ type: 'bigint', primaryKeyConstraintName: 'erasure_queue_pkey' })
  sequence!: number;

  /** Null for an event of the conversation's own. */
  @Column({ name: 'message_id', type: 'uuid', nullable: true })
  messageId!: string | null;
}
