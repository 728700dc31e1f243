import type { PipeTransform } from '@nestjs/common';
import { isUuid } from '../../../domain/uuid.policy.js';
import { refusedField } from '../../../submission/refusal.js';

export const deliveryIdPipe: PipeTransform<string, string> = {
  /** @throws {RefusedError} `malformed_id` */
  transform(value) {
    if (isUuid(value)) return value.toLowerCase();
    throw refusedField('malformed_id', 'id', 'is not the id of a webhook delivery, which is a UUID');
  },
};

export const receiverIdPipe: PipeTransform<string, string> = {
  /** @throws {RefusedError} `malformed_id` */
  transform(value) {
    if (/^[0-9a-f]{32}$/.test(value)) return value;
    const reason = 'is not the id of a receiver, as GET /api/v1/webhooks/receivers tells it';
    throw refusedField('malformed_id', 'id', reason);
  },
};
