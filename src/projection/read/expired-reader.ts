import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Lane } from '../../domain/message/message.events.js';
import { databaseOf } from '../tables/data-source.js';

interface Row {
  readonly id: string;
  readonly tenant: string;
  readonly priority: Lane;
  readonly deadline: Date;
}

/** A message that waits past its deadline. */
export interface ExpiredMessage {
  readonly id: string;
  readonly tenant: string;
  readonly lane: Lane;
  /** ISO 8601, UTC. */
  readonly deadline: string;
}

/**
 * Finds what expired while it waited, in a lane or a schedule; what a worker calls a model for is not looked at. Reads a
 * partial index that holds only what has a deadline and has not ended.
 */
@Injectable()
export class ExpiredReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Up to `limit` messages whose deadline is at or before the time (ISO 8601), the most overdue first. */
  async expired(before: string, limit: number): Promise<ExpiredMessage[]> {
    const { schema } = databaseOf(this.dataSource);
    const rows: Row[] = await this.dataSource.query(
      `SELECT id, tenant, priority, deadline FROM "${schema}".messages
        WHERE terminal_sequence IS NULL AND deadline IS NOT NULL AND deadline <= $1 AND status <> 'processing'
        ORDER BY deadline LIMIT $2`,
      [before, limit],
    );
    return rows.map(({ id, tenant, priority: lane, deadline }) => ({
      ...{ id, tenant, lane },
      deadline: deadline.toISOString(),
    }));
  }
}
