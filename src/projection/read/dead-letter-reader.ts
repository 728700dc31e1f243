import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AttemptError, Lane } from '../../domain/message/message.events.js';
import { AttemptEntity } from '../tables/entities/attempt.entity.js';
import { DeadLetterEntity } from '../tables/entities/dead-letter.entity.js';
import { storableIdentifier, storableText } from '../tables/storable-text.js';
import { decodeCursor, encodeCursor, type Page } from './page.js';

/** A message that failed for good and waits for someone to decide on it. Times are ISO 8601 in UTC. */
export interface DeadLetter {
  readonly messageId: string;
  readonly tenant: string;
  readonly userId: string;
  readonly priority: Lane;
  readonly model: string | null;
  readonly error: AttemptError;
  /** Calls to a model, over all its lives. */
  readonly attempts: number;
  /** The number of its last attempt; the next one must have a higher one. */
  readonly lastAttempt: number;
  readonly createdAt: string;
  readonly deadLetteredAt: string;
  /** Where its request lies in the log. */
  readonly receivedSequence: number;
  /** Where its failure lies in the log: it names this one death among several of a message. */
  readonly terminalSequence: number;
}

/** One call of a dead letter, or a failure without one. */
export interface AttemptView {
  readonly attempt: number;
  readonly delivery: number;
  readonly worker: string | null;
  readonly endpoint: string | null;
  readonly model: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Null for a call whose worker died. */
  readonly outcome: 'completed' | 'failed' | null;
  readonly error: AttemptError | null;
}

export interface DeadLetterFilter {
  readonly tenant: string;
  readonly userId?: string;
  readonly priority?: Lane;
  readonly model?: string;
  readonly errorCode?: string;
  /** When it failed: inclusive, ISO 8601. */
  readonly after?: string;
  /** Exclusive, ISO 8601. */
  readonly before?: string;
}

/** By the time of the failure. */
export type DeadLetterOrder = 'newest_first' | 'oldest_first';

/** Reads the dead letters that are open, by the one index that holds no others. */
@Injectable()
export class DeadLetterReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Null for what is no dead letter, or no longer one, and for another tenant's. */
  async find(tenant: string, messageId: string): Promise<DeadLetter | null> {
    const where = { messageId, tenant: storableIdentifier(tenant), state: 'open' as const };
    const row = await this.dataSource.getRepository(DeadLetterEntity).findOneBy(where);
    return row && deadLetter(row);
  }

  /** @throws {InvalidCursorError} for a cursor that this service did not make */
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

  /** In their order. */
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
