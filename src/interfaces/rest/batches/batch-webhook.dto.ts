import { ApiProperty } from '@nestjs/swagger';
import { type CallerRole, covers } from '../../../domain/caller-role.policy.js';
import { CALLBACK_SOURCES } from '../../../domain/webhook/callback.events.js';
import { type Batch, isToTell } from '../../../operations/batches/batch.state.js';
import { DELIVERY_STATUSES } from '../webhooks/webhook.dto.js';

/** In the words of a `WebhookDelivery`, which is about a message. */
export class BatchWebhookDto {
  @ApiProperty({ format: 'uuid', description: 'The `webhook-id` of every try' }) id!: string;
  @ApiProperty({ type: String, nullable: true, description: 'Null for callers who are no *admin*' })
  url!: string | null;
  @ApiProperty({ enum: CALLBACK_SOURCES, description: 'Who named the URL; `message`: the request' })
  named_by!: string;
  @ApiProperty({ enum: DELIVERY_STATUSES, description: '`waiting` before the end of the batch, too' })
  status!: string;
  @ApiProperty({ description: 'From 1; each redelivery begins another' }) round!: number;
  @ApiProperty({ description: 'Of this round' }) tries!: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) last_tried_at!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) next_try_at!: string | null;
  @ApiProperty({
    ...{ type: String, nullable: true, example: 'bad_status' },
    description: 'Why the last try was not taken, as `reason` of a delivery',
  })
  reason!: string | null;
  @ApiProperty({ type: Number, nullable: true, description: 'What the receiver answered last' })
  http_status!: number | null;
}

/** Null where nobody is told. A URL may hold a secret that not every key of its tenant shall know. */
export function batchWebhookJson(batch: Batch, role: CallerRole): Record<string, unknown> | null {
  const { webhook } = batch;
  if (webhook === null) return null;
  const { id, callback, outcome: status, round, tries, reason, httpStatus, lastTriedAtMs } = webhook;
  return {
    ...{ id, url: covers(role, 'admin') ? callback.url : null, named_by: callback.named_by },
    ...{ status, round, tries },
    last_tried_at: lastTriedAtMs === null ? null : isoTime(lastTriedAtMs),
    next_try_at: isToTell(batch) ? isoTime(webhook.nextAtMs) : null,
    ...{ reason, http_status: httpStatus },
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
