import { Injectable, type PipeTransform } from '@nestjs/common';
import { RefusedError } from '../../submission/refusal.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** An id from the address, in the lower case that it was given out in. */
@Injectable()
export class MessageIdPipe implements PipeTransform<string, string> {
  /** @throws {RefusedError} `malformed_id` */
  transform(value: string): string {
    if (UUID.test(value)) return value.toLowerCase();
    const reason = 'is not a message id; ids are UUIDs, as POST /api/v1/messages gives them out';
    throw new RefusedError({
      code: 'malformed_id',
      message: `id ${reason}`,
      problems: [{ field: 'id', reason }],
    });
  }
}
