import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Lane } from '../../domain/message/lane.policy.js';
import {
  attempts,
  deadLetters,
  type StoredAttempt,
  type StoredDeadLetter,
} from '../tables/message.tables.js';
import { storableIdentifier, storableText } from '../tables/storable-text.js';
import { decodeCursor, directionOf, encodeCursor, type Page, type PageOrder, pageOf } from './page.js';

/** A message that failed for good and waits for someone to decide on it. Times are ISO 8601 in UTC. */
export type DeadLetter = Omit<StoredDeadLetter, 'state' | 'errorCode' | 'lastSequence'>;

/** One call of a dead letter, or a failure without one. */
export type AttemptView = Pick<
  StoredAttempt,
  'attempt' | 'delivery' | 'worker' | 'endpoint' | 'model' | 'startedAt' | 'endedAt' | 'outcome' | 'error'
>;

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

/** Reads the dead letters that are open, by the one index that holds no others. */
@Injectable()
export class DeadLetterReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Null for what is no dead letter, or no longer one, and for another tenant's. */
  async find(tenant: string, messageId: string): Promise<DeadLetter | null> {
    const where = { messageId, tenant: storableIdentifier(tenant), state: 'open' as const };
    return this.dataSource.getRepository(deadLetters.entity).findOneBy(where);
  }

  /**
   * By the time of the failure.
   * @throws {InvalidCursorError} for a cursor that this service did not make
   */
  async list(
    filter: DeadLetterFilter,
    order: PageOrder,
    limit: number,
    cursor: string | null,
  ): Promise<Page<DeadLetter>> {
    const [direction, behindIs] = directionOf(order);
    const behind = cursor === null ? null : decodeCursor(cursor);
    const query = this.dataSource.getRepository(deadLetters.entity).createQueryBuilder('d');
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
      .limit(limit + 1)
      .getMany();
    return pageOf(rows, limit, ({ deadLetteredAt: createdAt, messageId: id }) =>
      encodeCursor({ createdAt, id }),
    );
  }

  /** In their order. */
  async attempts(messageId: string): Promise<AttemptView[]> {
    return this.dataSource
      .getRepository(attempts.entity)
      .find({ where: { messageId }, order: { attempt: 'ASC', delivery: 'ASC' } });
  }
}
