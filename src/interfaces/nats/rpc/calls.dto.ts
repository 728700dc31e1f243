import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import * as rules from '../../../submission/submission-rules.policy.js';
import { ListTurnsDto } from '../../rest/conversations/list-conversations.dto.js';
import { FindMessageDto } from '../../rest/list-messages.dto.js';
import { LimitedQueryDto } from '../../rest/list-query.dto.js';
import { MayObey, Obeys } from '../../rest/obeys.js';

/** `llmq.rpc.messages.cancel`. */
export class MessageCallDto {
  @ApiProperty({ format: 'uuid' })
  @Obeys(rules.messageId)
  id!: string;
}

/** `llmq.rpc.messages.get`. */
export class FindMessageCallDto extends FindMessageDto {
  @ApiProperty({ format: 'uuid' })
  @Obeys(rules.messageId)
  id!: string;
}

/** `llmq.rpc.conversations.get`. */
export class ConversationCallDto {
  @ApiProperty({ description: 'As the service gave it out, or as its client gave it' })
  @Obeys(rules.conversationId)
  id!: string;
}

/** `llmq.rpc.conversations.messages`. */
export class ListTurnsCallDto extends ListTurnsDto {
  @ApiProperty({ description: 'Of the conversation' })
  @Obeys(rules.conversationId)
  id!: string;
}

const after: rules.Rule = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? null : 'must be the next_after of the page before';

/** `llmq.rpc.rejected.list`. */
export class ListRejectedCallDto extends LimitedQueryDto {
  @ApiPropertyOptional({ type: Number, description: 'The `next_after` of the page before' })
  @MayObey(after)
  after?: number;
}
