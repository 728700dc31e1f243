import type { DataSource } from 'typeorm';
import type { Lane } from '../../domain/message/message.events.js';
import { databaseOf } from '../tables/data-source.js';
import type { ExpiredMessage, ExpiredReader } from './expired-reader.port.js';

interface Row {
  readonly id: string;
  readonly tenant: string;
  readonly priority: Lane;
  readonly deadline: Date;
}

/** Reads a partial index that holds only what has a deadline and has not ended. */
export class PostgresExpiredReader implements ExpiredReader {
  constructor(private readonly dataSource: DataSource) {}

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
