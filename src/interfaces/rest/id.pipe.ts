import type { PipeTransform } from '@nestjs/common';
import { conversationKey } from '../../domain/conversation/given-id.policy.js';
import { isUuid } from '../../domain/uuid.policy.js';
import { refusedField } from '../../submission/refusal.js';
import { conversationId } from '../../submission/submission-rules.policy.js';

/** A message's id from the address, in the lower case that it was given out in. */
export const messageIdPipe: PipeTransform<string, string> = {
  /** @throws {RefusedError} `malformed_id` */
  transform(value) {
    if (isUuid(value)) return value.toLowerCase();
    const reason = 'is not a message id; ids are UUIDs, as POST /api/v1/messages gives them out';
    throw refusedField('malformed_id', 'id', reason);
  },
};

/** A conversation's: as the service gave it out, or as the client gave it. */
export const conversationIdPipe: PipeTransform<string, string> = {
  /** @throws {RefusedError} `malformed_id` */
  transform(value) {
    const reason = conversationId(value);
    if (reason === null) return conversationKey(value);
    throw refusedField('malformed_id', 'id', reason);
  },
};
