import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Lane } from '../../domain/message/lane.policy.js';
import type { AttemptError } from '../../domain/message/message.events.js';
import { databaseOf } from '../tables/data-source.js';

interface Row {
  readonly id: string;
  readonly tenant: string;
  readonly priority: Lane;
  readonly deadline: Date;
  readonly error: AttemptError | null;
  readonly received_sequence: string;
}

/** A message that waits past its deadline. */
export interface ExpiredMessage {
  readonly id: string;
  readonly tenant: string;
  readonly lane: Lane;
  /** ISO 8601, UTC. */
  readonly deadline: string;
  /** Its last. */
  readonly error: AttemptError | null;
  readonly receivedSequence: number;
}

export interface Expired {
  readonly messages: readonly ExpiredMessage[];
  /** The first deadline of those that have not expired yet (ISO 8601, UTC); null where there is none. */
  readonly nextDeadline: string | null;
}

/**
 * Finds what expired while it waited, in a lane or a schedule; what a worker calls a model for is not looked at. Reads a
 * partial index that holds only what has a deadline and has not ended.
 */
@Injectable()
export class ExpiredReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Up to `limit` messages whose deadline is at or before the time (ISO 8601), the most overdue first. */
  async expired(before: string, limit: number): Promise<Expired> {
    const { schema } = databaseOf(this.dataSource);
    const waiting = `SELECT id, tenant, priority, deadline, error, received_sequence
        FROM "${schema}".messages
        WHERE terminal_sequence IS NULL AND deadline IS NOT NULL AND status <> 'processing'`;
    const rows: Row[] = await this.dataSource.query(
      `(${waiting} AND deadline <= $1 ORDER BY deadline LIMIT $2)
        UNION ALL (${waiting} AND deadline > $1 ORDER BY deadline LIMIT 1)`,
      [before, limit],
    );
    const found = rows.map(({ id, tenant, priority: lane, deadline, error, received_sequence }) => ({
      ...{ id, tenant, lane, error },
      ...{ deadline: deadline.toISOString(), receivedSequence: Number(received_sequence) },
    }));
    return {
      messages: found.filter(({ deadline }) => deadline <= before),
      nextDeadline: found.find(({ deadline }) => deadline > before)?.deadline ?? null,
    };
  }
}
