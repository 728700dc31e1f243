import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import { conversations } from '../tables/conversation.tables.js';
import { messageRequests, messages } from '../tables/message.tables.js';

@Injectable()
export class IdleReader {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /**
   * Conversations in one of the states, whose last activity is before the time (ISO 8601), and none of whose messages is
   * open or has ended since; the longest idle first.
   */
  async idleSince(
    time: string,
    states: readonly ('active' | 'inactive' | 'completed')[],
    limit: number,
  ): Promise<readonly ConversationState[]> {
    const query = this.dataSource.getRepository(conversations.entity).createQueryBuilder('c');
    const busy = query
      .subQuery()
      .select('1')
      .from(messageRequests.entity, 'q')
      .innerJoin(messages.name, 'm', 'm.id = q.messageId')
      .where('q.tenant = c.tenant AND q.conversationId = c.id::text')
      .andWhere('(m.terminalSequence IS NULL OR m.updatedAt >= :time)');
    return query
      .where('c.state IN (:...states) AND c.lastActivityAt < :time', { states, time })
      .andWhere(`NOT EXISTS ${busy.getQuery()}`)
      .orderBy('c.lastActivityAt', 'ASC')
      .limit(limit)
      .getMany();
  }
}
