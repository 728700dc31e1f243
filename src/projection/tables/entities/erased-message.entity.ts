import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A message that was erased with its conversation: what the log says of it from then on is not taken up. */
@Entity('erased_messages')
@Index('erased_messages_by_conversation', ['conversationId'])
export class ErasedMessageEntity {
  @PrimaryColumn({ name: 'message_id', type: 'uuid', primaryKeyConstraintName: 'erased_messages_pkey' })
  messageId!: string;

  @Column({ name: 'conversation_id', type: 'uuid' })
  conversationId!: string;
}
