import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { MAX_KEY_LENGTH } from '../../submission/idempotency/reservation.policy.js';
import * as rules from '../../submission/submission-rules.policy.js';
import { MayObey, Obeys } from '../rest/obeys.js';
import { SubmitMessageDto } from '../rest/submit-message.dto.js';

/** What clients send. A frame is one JSON object; its `type` chooses the handler, and so is right when a rule is asked. */

const anything: rules.Rule = () => null;
const aString: rules.Rule = (value) => (typeof value === 'string' ? null : 'must be a string');
const trueOrFalse: rules.Rule = (value) => (typeof value === 'boolean' ? null : 'must be true or false');
const anObject: rules.Rule = (value) => (rules.isObject(value) ? null : 'must be an object');

const MAX_EVENT_ID_LENGTH = 4_096;
const eventId: rules.Rule = (value) =>
  (typeof value === 'string' && value.length > 0 && value.length <= MAX_EVENT_ID_LENGTH) ||
  (Number.isSafeInteger(value) && (value as number) >= 0)
    ? null
    : 'must be the id of an event, as it was sent';

const REQUEST_ID = {
  ...{ minLength: 1, maxLength: rules.MAX_IDENTIFIER_LENGTH, example: 'r1' },
  description: 'A name of your own for this request. The answer carries it.',
};

abstract class ClientFrameDto {
  @ApiProperty(REQUEST_ID)
  @Obeys(rules.identifier)
  request_id!: string;
}

export class AuthenticateFrameDto extends ClientFrameDto {
  @ApiProperty({ enum: ['authenticate'] })
  @Obeys(anything)
  type!: 'authenticate';

  @ApiProperty({ description: 'An API key, where the handshake carried none' })
  @Obeys(aString)
  key!: string;

  @ApiPropertyOptional({
    type: String,
    description: 'For operators: the tenant to act in, as `X-LLMQ-Tenant`',
  })
  @MayObey(aString)
  tenant?: string | null;
}

export class SubmitFrameDto extends ClientFrameDto {
  @ApiProperty({ enum: ['submit'] })
  @Obeys(anything)
  type!: 'submit';

  @ApiProperty({ type: SubmitMessageDto, description: 'The body of `POST /api/v1/messages`' })
  @Obeys(anObject, 'all')
  message!: Record<string, unknown>;

  @ApiPropertyOptional({
    type: String,
    ...{ minLength: 1, maxLength: MAX_KEY_LENGTH },
    description: 'As the header `Idempotency-Key` of `POST /api/v1/messages`; the key is the same one there',
  })
  @MayObey(aString)
  idempotency_key?: string | null;

  @ApiPropertyOptional({
    type: Boolean,
    description:
      'Subscribes to the message, from its beginning. The subscription has the name of this request',
  })
  @MayObey(trueOrFalse)
  subscribe?: boolean | null;

  @ApiPropertyOptional({ type: String, description: 'As the header of W3C Trace Context' })
  @MayObey(aString)
  traceparent?: string | null;

  @ApiPropertyOptional({ type: String, description: 'As the header of W3C Trace Context' })
  @MayObey(aString)
  tracestate?: string | null;
}

export class CancelFrameDto extends ClientFrameDto {
  @ApiProperty({ enum: ['cancel'] })
  @Obeys(anything)
  type!: 'cancel';

  @ApiProperty({ format: 'uuid' })
  @Obeys(rules.messageId)
  message_id!: string;
}

/** Exactly one of `message_id`, `conversation_id` and `user_id` is there. */
export class SubscribeFrameDto extends ClientFrameDto {
  @ApiProperty({ enum: ['subscribe'] })
  @Obeys(anything)
  type!: 'subscribe';

  @ApiPropertyOptional({ type: String, format: 'uuid', description: 'One message, until it has ended' })
  @MayObey(rules.messageId)
  message_id?: string | null;

  @ApiPropertyOptional({ type: String, maxLength: 128, description: 'All messages of a conversation' })
  @MayObey(rules.conversationId)
  conversation_id?: string | null;

  @ApiPropertyOptional({
    ...{ type: String, minLength: 1, maxLength: rules.MAX_IDENTIFIER_LENGTH },
    description: 'All messages of a user',
  })
  @MayObey(rules.identifier)
  user_id?: string | null;

  @ApiPropertyOptional({
    oneOf: [
      { type: 'string', minLength: 1, maxLength: MAX_EVENT_ID_LENGTH },
      { type: 'integer', minimum: 0 },
    ],
    description: 'The `id` of the last event that you have. The next one comes first',
  })
  @MayObey(eventId)
  starting_after?: string | number | null;
}

export class UnsubscribeFrameDto extends ClientFrameDto {
  @ApiProperty({ enum: ['unsubscribe'] })
  @Obeys(anything)
  type!: 'unsubscribe';

  @ApiProperty({ description: 'The `request_id` that the subscription was asked for with' })
  @Obeys(rules.identifier)
  subscription!: string;
}

export class PingFrameDto extends ClientFrameDto {
  @ApiProperty({ enum: ['ping'] })
  @Obeys(anything)
  type!: 'ping';
}
