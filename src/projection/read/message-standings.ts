import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { MessageState } from '../../domain/message/message.state.js';
import { databaseOf } from '../tables/data-source.js';
import { messages } from '../tables/message.tables.js';
import { storableIdentifier } from '../tables/storable-text.js';

/** A message's state, with what of its request is told beside it. */
export interface MessageStanding extends Omit<MessageState, 'keyName' | 'turnSequence' | 'callback'> {
  /** By which clients know its conversation, where they gave it one. */
  readonly conversationGivenId: string | null;
}

/** Whose messages; a conversation by the id that the log names it by. */
export interface StandingsOf {
  readonly tenant: string;
  readonly userId?: string;
  readonly conversationId?: string;
}

interface Row extends Record<string, unknown> {
  readonly user_id: string;
  readonly conversation_id: string | null;
  readonly conversation_given_id: string | null;
}

/** Where messages stand, without what was asked and answered: many are read at a time, again and again. */
@Injectable()
export class MessageStandings {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** Of those that the tables know, of any tenant. */
  async of(ids: readonly string[]): Promise<ReadonlyMap<string, MessageStanding>> {
    const found = await this.read('m.id = ANY($1::uuid[])', [[...ids]]);
    return new Map(found.map((standing) => [standing.id, standing]));
  }

  /** Those that have not ended, oldest first, from behind one of them on. */
  async open(of: StandingsOf, afterReceived: number, limit: number): Promise<MessageStanding[]> {
    return this.ofOwner(of, 'm.terminal_sequence IS NULL', 'm.received_sequence', afterReceived, limit);
  }

  /** Those that ended behind a sequence of the log, in the order of their ends. */
  async endedAfter(of: StandingsOf, sequence: number, limit: number): Promise<MessageStanding[]> {
    return this.ofOwner(of, 'true', 'm.terminal_sequence', sequence, limit);
  }

  private ofOwner(
    { tenant, userId, conversationId }: StandingsOf,
    condition: string,
    order: string,
    after: number,
    limit: number,
  ): Promise<MessageStanding[]> {
    const [column, owner] =
      conversationId === undefined ? ['user_id', userId ?? ''] : ['conversation_id', conversationId];
    return this.read(
      `q.tenant = $1 AND q.${column} = $2 AND m.tenant = $1 AND ${condition} AND ${order} > $3
        ORDER BY ${order} LIMIT $4`,
      [storableIdentifier(tenant), storableIdentifier(owner), after, limit],
    );
  }

  private async read(where: string, parameters: unknown[]): Promise<MessageStanding[]> {
    const { schema } = databaseOf(this.dataSource);
    const rows: Row[] = await this.dataSource.query(
      `SELECT m.*, q.user_id, q.conversation_id, q.conversation_given_id
        FROM "${schema}".messages m JOIN "${schema}".message_requests q ON q.message_id = m.id
        WHERE ${where}`,
      parameters,
    );
    return rows.map((row) => ({
      ...messages.read(row),
      userId: row.user_id,
      conversationId: row.conversation_id,
      conversationGivenId: row.conversation_given_id,
    }));
  }
}
