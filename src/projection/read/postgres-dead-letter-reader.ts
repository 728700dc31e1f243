import type { DataSource } from 'typeorm';
import { AttemptEntity } from '../tables/entities/attempt.entity.js';
import { DeadLetterEntity } from '../tables/entities/dead-letter.entity.js';
import { storableIdentifier, storableText } from '../tables/storable-text.js';
import type {
  AttemptView,
  DeadLetter,
  DeadLetterFilter,
  DeadLetterOrder,
  DeadLetterReader,
} from './dead-letter-reader.port.js';
import { decodeCursor, encodeCursor } from './message-cursor.js';
import type { Page } from './message-reader.port.js';

/** Reads the dead letters that are open, by the one index that holds no others. */
export class PostgresDeadLetterReader implements DeadLetterReader {
  constructor(private readonly dataSource: DataSource) {}

  async find(tenant: string, messageId: string): Promise<DeadLetter | null> {
    const where = { messageId, tenant: storableIdentifier(tenant), state: 'open' as const };
    const row = await this.dataSource.getRepository(DeadLetterEntity).findOneBy(where);
    return row && deadLetter(row);
  }

  async list(
    filter: DeadLetterFilter,
    order: DeadLetterOrder,
    limit: number,
    cursor: string | null,
  ): Promise<Page<DeadLetter>> {
    const [direction, behindIs] =
      order === 'newest_first' ? (['DESC', '<'] as const) : (['ASC', '>'] as const);
    const behind = cursor === null ? null : decodeCursor(cursor);
    const query = this.dataSource.getRepository(DeadLetterEntity).createQueryBuilder('d');
    const where = (condition: string, name: string, value: unknown) =>
      value === undefined ? query : query.andWhere(condition, { [name]: value });
    query.where("d.state = 'open' AND d.tenant = :tenant", { tenant: storableIdentifier(filter.tenant) });
    where('d.userId = :userId', 'userId', filter.userId && storableIdentifier(filter.userId));
    where('d.priority = :priority', 'priority', filter.priority);
    where('d.model = :model', 'model', filter.model && storableText(filter.model));
    where('d.errorCode = :errorCode', 'errorCode', filter.errorCode && storableText(filter.errorCode));
    where('d.deadLetteredAt >= :after', 'after', filter.after);
    where('d.deadLetteredAt < :before', 'before', filter.before);
    if (behind !== null) {
      query.andWhere(`(d.deadLetteredAt, d.messageId) ${behindIs} (:createdAt, :id)`, { ...behind });
    }
    const rows = await query
      .orderBy('d.deadLetteredAt', direction)
      .addOrderBy('d.messageId', direction)
      // One more than asked for tells whether there is a next page.
      .limit(limit + 1)
      .getMany();
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    const nextCursor = last ? encodeCursor({ createdAt: last.deadLetteredAt, id: last.messageId }) : null;
    return { data: rows.slice(0, limit).map(deadLetter), nextCursor };
  }

  async attempts(messageId: string): Promise<AttemptView[]> {
    const rows = await this.dataSource
      .getRepository(AttemptEntity)
      .find({ where: { messageId }, order: { attempt: 'ASC', delivery: 'ASC' } });
    return rows.map(({ attempt, delivery, worker, endpoint, model, startedAt, endedAt, outcome, error }) => ({
      ...{ attempt, delivery, worker, endpoint, model, outcome, error },
      startedAt: startedAt?.toISOString() ?? null,
      endedAt: endedAt?.toISOString() ?? null,
    }));
  }
}

function deadLetter(row: DeadLetterEntity): DeadLetter {
  return {
    messageId: row.messageId,
    tenant: row.tenant,
    userId: row.userId,
    priority: row.priority,
    model: row.model,
    error: row.error,
    attempts: row.attempts,
    lastAttempt: row.lastAttempt,
    createdAt: row.createdAt.toISOString(),
    deadLetteredAt: row.deadLetteredAt.toISOString(),
    receivedSequence: Number(row.receivedSequence),
    terminalSequence: Number(row.terminalSequence),
  };
}
