import type { DataSource } from 'typeorm';
import { messageRequests } from '../tables/message.tables.js';
import { storableIdentifier } from '../tables/storable-text.js';
import { InvalidCursorError, type PageOrder } from './page.js';

export interface TurnEnd {
  readonly id: string;
  /** Its place among the turns. */
  readonly sequence: number;
}

/** A page of a conversation's messages in the order of its turns, read from one index, from behind a place on. */
export async function pageOfTurns(
  dataSource: DataSource,
  of: { readonly tenant: string; readonly conversationId: string },
  order: PageOrder,
  limit: number,
  behind: number | null,
): Promise<TurnEnd[]> {
  const query = dataSource
    .getRepository(messageRequests.entity)
    .createQueryBuilder('page')
    .select('page.messageId', 'id')
    .addSelect('page.turnSequence', 'sequence')
    .where('page.tenant = :tenant AND page.conversationId = :conversationId', {
      tenant: storableIdentifier(of.tenant),
      conversationId: storableIdentifier(of.conversationId),
    });
  const newestFirst = order === 'newest_first';
  if (behind !== null) query.andWhere(`page.turnSequence ${newestFirst ? '<' : '>'} :behind`, { behind });
  const rows = await query
    .orderBy('page.turnSequence', newestFirst ? 'DESC' : 'ASC')
    .limit(limit)
    .getRawMany<{ id: string; sequence: string | number }>();
  return rows.map(({ id, sequence }) => ({ id, sequence: Number(sequence) }));
}

const CURSOR = /^t\.([1-9][0-9]{0,15})$/;

export function encodeTurnCursor(sequence: number): string {
  return Buffer.from(`t.${sequence}`).toString('base64url');
}

/** @throws {InvalidCursorError} for anything that `encodeTurnCursor` did not make */
export function decodeTurnCursor(cursor: string): number {
  const [, digits] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  const sequence = Number(digits);
  if (!Number.isSafeInteger(sequence) || encodeTurnCursor(sequence) !== cursor)
    throw new InvalidCursorError();
  return sequence;
}
