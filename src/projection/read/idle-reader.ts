import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import { ConversationEntity } from '../tables/entities/conversation.entity.js';
import { MessageEntity } from '../tables/entities/message.entity.js';
import { MessageRequestEntity } from '../tables/entities/message-request.entity.js';
import { conversationState } from './conversation-loader.js';

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
    const query = this.dataSource.getRepository(ConversationEntity).createQueryBuilder('c');
    const busy = query
      .subQuery()
      .select('1')
      .from(MessageRequestEntity, 'q')
      .innerJoin(MessageEntity, 'm', 'm.id = q.messageId')
      .where('q.tenant = c.tenant AND q.conversationId = c.id::text')
      .andWhere('(m.terminalSequence IS NULL OR m.updatedAt >= :time)');
    const rows = await query
      .where('c.state IN (:...states) AND c.lastActivityAt < :time', { states, time })
      .andWhere(`NOT EXISTS ${busy.getQuery()}`)
      .orderBy('c.lastActivityAt', 'ASC')
      .limit(limit)
      .getMany();
    return rows.map(conversationState);
  }
}
