import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { CALLBACK_SOURCES, WEBHOOK_TYPES } from '../../../domain/webhook/callback.events.js';
import type { SwitchedOffReceiver } from '../../../operations/webhooks/receivers.js';
import type { WebhookTest } from '../../../operations/webhooks/webhook-deliveries.js';
import type { Page } from '../../../projection/read/page.js';
import type { WebhookFilter, WebhookView } from '../../../projection/read/webhook-reader.js';
import {
  callbackUrl,
  MAX_URL_LENGTH,
  messageId,
  type Rule,
} from '../../../submission/submission-rules.policy.js';
import { ListQueryDto } from '../list-query.dto.js';
import { MayObey } from '../obeys.js';

export const DELIVERY_STATUSES: readonly WebhookView['status'][] = ['waiting', 'delivered', 'failed'];

const status: Rule = (value) =>
  (DELIVERY_STATUSES as readonly unknown[]).includes(value)
    ? null
    : `must be one of ${DELIVERY_STATUSES.join(', ')}`;

/** The query of `GET /api/v1/webhooks/deliveries`. */
export class ListDeliveriesDto extends ListQueryDto {
  @ApiPropertyOptional({ format: 'uuid', description: 'About this message alone' })
  @MayObey(messageId)
  message_id?: string;

  @ApiPropertyOptional({ enum: DELIVERY_STATUSES })
  @MayObey(status)
  status?: WebhookView['status'];
}

/** The body of `POST /api/v1/webhooks/test`, which may be absent. */
export class TestWebhookDto {
  @ApiPropertyOptional({
    ...{ type: String, format: 'uri', maxLength: MAX_URL_LENGTH, nullable: true },
    description: 'The configured URL when absent',
  })
  @MayObey(callbackUrl)
  url?: string | null;
}

export class WebhookDeliveryDto {
  @ApiProperty({ format: 'uuid', description: 'The `webhook-id` of every try' }) id!: string;
  @ApiProperty({ format: 'uuid' }) message_id!: string;
  @ApiProperty({ enum: WEBHOOK_TYPES }) type!: string;
  @ApiProperty() url!: string;
  @ApiProperty({ enum: CALLBACK_SOURCES, description: 'Who named the URL' }) named_by!: string;
  @ApiProperty({ enum: DELIVERY_STATUSES }) status!: string;
  @ApiProperty({ description: 'From 1; each redelivery begins another' }) round!: number;
  @ApiProperty({ description: 'Of this round' }) tries!: number;
  @ApiProperty({ format: 'date-time', description: 'When the message ended' }) created_at!: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) last_tried_at!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) next_try_at!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) ended_at!: string | null;
  @ApiProperty({
    ...{ type: String, nullable: true, example: 'bad_status' },
    description:
      'Why the last try was not taken: `bad_status`, `redirect`, `gone`, `timeout`, `connection_failed`, `receiver_off`, `no_secret`, or what `security.egress` refuses (`egress_...`)',
  })
  reason!: string | null;
  @ApiProperty({ type: Number, nullable: true, description: 'What the receiver answered last' })
  http_status!: number | null;
}

export class WebhookDeliveryPageDto {
  @ApiProperty({ type: [WebhookDeliveryDto] }) data!: WebhookDeliveryDto[];
  @ApiProperty({ type: String, nullable: true }) next_cursor!: string | null;
}

export class WebhookTestDto {
  @ApiProperty({ format: 'uuid', description: 'The `webhook-id` that was sent' }) id!: string;
  @ApiProperty() url!: string;
  @ApiProperty({ description: 'The receiver answered with 2xx' }) delivered!: boolean;
  @ApiProperty({ type: String, nullable: true, description: 'As `reason` of a delivery' })
  reason!: string | null;
  @ApiProperty({ type: Number, nullable: true }) http_status!: number | null;
  @ApiProperty() duration_ms!: number;
}

export class SwitchedOffReceiverDto {
  @ApiProperty() id!: string;
  @ApiProperty({ description: 'Without its query' }) url!: string;
  @ApiProperty() reason!: string;
  @ApiProperty({ format: 'date-time' }) since!: string;
}

export class SwitchedOffReceiversDto {
  @ApiProperty({ type: [SwitchedOffReceiverDto] }) data!: SwitchedOffReceiverDto[];
}

export function deliveryFilter(tenant: string, dto: ListDeliveriesDto): WebhookFilter {
  return { tenant, messageId: dto.message_id?.toLowerCase(), status: dto.status ?? undefined };
}

export function deliveryJson(webhook: WebhookView): Record<string, unknown> {
  const { id, messageId, type, callback, status, round, tries, reason, httpStatus } = webhook;
  return {
    ...{ id, message_id: messageId, type, ...callback, status, round, tries },
    created_at: webhook.createdAt,
    last_tried_at: webhook.lastTriedAt,
    next_try_at: webhook.nextTryAt,
    ended_at: webhook.endedAt,
    ...{ reason, http_status: httpStatus },
  };
}

export function deliveryPageJson({ data, nextCursor }: Page<WebhookView>): Record<string, unknown> {
  return { data: data.map(deliveryJson), next_cursor: nextCursor };
}

export function testJson({ id, url, delivered, reason, status, durationMs }: WebhookTest) {
  return { id, url, delivered, reason, http_status: status, duration_ms: durationMs };
}

export function receiverJson({ id, url, reason, since }: SwitchedOffReceiver): Record<string, unknown> {
  return { id, url, reason, since };
}
