import type { TraceContext } from '../../domain/trace-context.policy.js';
import { type Attributes, endSpan, type Span, SpanKind, spanIn } from '../../platform/telemetry/spans.js';
import type { WebhookAnswer, WebhookVerdict } from './webhook-verdict.policy.js';

/** A webhook that is tried, as far as its span tells. */
export interface TracedWebhook {
  readonly id: string;
  readonly url: string;
  /** What it tells, such as `message.completed`. */
  readonly type: string;
  readonly round: number;
  /** Of this round, before this one. */
  readonly tries: number;
}

/**
 * The span of one try; null where its trace is not kept. Nothing of the URL but its server: the rest may hold a secret.
 *
 * @param about what has ended
 */
export function beginTry(trace: TraceContext, webhook: TracedWebhook, about: Attributes): Span | null {
  const { hostname, port, protocol } = new URL(webhook.url);
  const attributes = {
    ...{ 'http.request.method': 'POST', 'server.address': hostname },
    'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
    ...about,
    ...{ 'llmq.webhook.id': webhook.id, 'llmq.webhook.round': webhook.round },
    'llmq.webhook.try': webhook.tries + 1,
  };
  return spanIn(trace, `webhook ${webhook.type}`, { kind: SpanKind.CLIENT, attributes });
}

export function endTry(span: Span | null, { status }: WebhookAnswer, { reason }: WebhookVerdict): void {
  if (span === null) return;
  if (status !== null) span.setAttribute('http.response.status_code', status);
  endSpan(span, reason);
}
