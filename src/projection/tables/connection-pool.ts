import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';

export interface ConnectionPool {
  /** Connections that something is asked over. */
  readonly used: number;
  readonly idle: number;
  /** Queries that wait for a connection. */
  readonly waiting: number;
  readonly limit: number;
}

/** Of this thread: a projector in a thread of its own has connections of its own. */
export function connectionPool({ driver }: DataSource): ConnectionPool {
  const { totalCount, idleCount, waitingCount, options } = (driver as PostgresDriver).master as Pool;
  return { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount, limit: options.max };
}
