import type { WebhookRow } from '../../domain/message/webhook.projection.js';
import type { TraceContext } from '../../domain/trace-context.policy.js';
import {
  type Columns,
  column,
  count,
  identifier,
  json,
  nullable,
  type RowOf,
  sequence,
  Table,
  text,
  time,
  uuid,
  word,
} from './table.js';

const webhookColumns = {
  messageId: column(uuid, (row) => row.messageId),
  id: column(uuid, (row) => row.id),
  tenant: column(identifier, (row) => row.tenant),
  keyName: nullable(identifier, (row) => row.keyName),
  type: column(word, (row): WebhookRow['type'] => row.type),
  callback: column(json, (row) => row.callback),
  /** What each try goes on with. */
  trace: nullable(json, (row): TraceContext | null => row.trace),
  createdAt: column(time, (row) => row.createdAt),
  status: column(word, (row): WebhookRow['status'] => row.status),
  round: column(count, (row) => row.round),
  tries: column(count, (row) => row.tries),
  lastTriedAt: nullable(time, (row) => row.lastTriedAt),
  nextTryAt: nullable(time, (row) => row.nextTryAt),
  endedAt: nullable(time, (row) => row.endedAt),
  reason: nullable(text, (row) => row.reason),
  httpStatus: nullable(count, (row) => row.httpStatus),
  progress: column(sequence, (row) => row.progress),
} satisfies Columns<WebhookRow>;

/** What became of telling receivers about the ends of messages that have one. */
export const webhooks = new Table<WebhookRow, typeof webhookColumns>('webhooks', webhookColumns, {
  key: ['messageId', 'id'],
  newerBy: 'progress',
  fixed: ['tenant', 'keyName', 'type', 'callback', 'trace', 'createdAt'],
  indexes: {
    webhooks_by_id: { on: ['id'] },
    webhooks_by_time: { on: ['tenant', 'createdAt', 'id'] },
    webhooks_by_status: { on: ['tenant', 'status', 'createdAt', 'id'] },
    webhooks_waiting: { on: ['nextTryAt', 'id'], where: "(status = 'waiting'::text)" },
  },
});

export type StoredWebhook = RowOf<typeof webhookColumns>;
