import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How far the tables beside it are folded. It changes in the transaction that changes them, or not at all. */
@Entity('projection_checkpoint')
export class ProjectionCheckpointEntity {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'projection_checkpoint_pkey' })
  name!: string;

  @Column({ name: 'last_sequence', type: 'bigint' })
  lastSequence!: number;

  /** The id of the event at `last_sequence`, to tell this log from another one that took its place. */
  @Column({ name: 'last_event_id', type: 'text', nullable: true })
  lastEventId!: string | null;

  /** Made with the schema; a rebuild's tables have another, which is how a projector notices the swap. */
  @Column({ type: 'uuid' })
  generation!: string;
}
