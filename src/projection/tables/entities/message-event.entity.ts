import { Column, Entity, PrimaryColumn } from 'typeorm';

const key = { primaryKeyConstraintName: 'message_events_pkey' };

/** Where each event of a message lies in the log, so that one message's timeline needs no scan of the log. */
@Entity('message_events')
export class MessageEventEntity {
  @PrimaryColumn({ name: 'message_id', type: 'uuid', ...key })
  messageId!: string;

  @PrimaryColumn({ type: 'bigint', ...key })
  sequence!: number;

  @Column({ type: 'text' })
  type!: string;

  @Column({ type: 'timestamptz', precision: 3 })
  time!: Date;
}
