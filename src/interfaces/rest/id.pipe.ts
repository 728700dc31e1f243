import type { PipeTransform } from '@nestjs/common';
import { isUuid } from '../../domain/uuid.policy.js';
import { refusedField } from '../../submission/refusal.js';

/** An id from the address, in the lower case that it was given out in. */
class IdPipe implements PipeTransform<string, string> {
  constructor(
    private readonly what: string,
    private readonly givenOutBy: string,
  ) {}

  /** @throws {RefusedError} `malformed_id` */
  transform(value: string): string {
    if (isUuid(value)) return value.toLowerCase();
    const reason = `is not a ${this.what} id; ids are UUIDs, as ${this.givenOutBy} gives them out`;
    throw refusedField('malformed_id', 'id', reason);
  }
}

export const messageIdPipe = new IdPipe('message', 'POST /api/v1/messages');
export const conversationIdPipe = new IdPipe('conversation', 'POST /api/v1/conversations');
