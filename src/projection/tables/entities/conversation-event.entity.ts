import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Where a conversation's own events lie in the log; its messages' events are in `message_events`. */
@Entity('conversation_events')
export class ConversationEventEntity {
  @PrimaryColumn({
    name: 'conversation_id',
    type: 'uuid',
    primaryKeyConstraintName: 'conversation_events_pkey',
  })
  conversationId!: string;

  @PrimaryColumn({ type: 'bigint', primaryKeyConstraintName: 'conversation_events_pkey' })
  sequence!: number;

  @Column({ type: 'text' })
  type!: string;

  @Column({ type: 'timestamptz', precision: 3 })
  time!: Date;
}
