import { Inject, Injectable } from '@nestjs/common';
import type { MessageEvent } from '../../domain/message/message.events.js';
import { isSampled, type TraceContext, traceOf } from '../../domain/trace-context.policy.js';
import { appendSpan } from '../../log/append-span.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import {
  type Attributes,
  areSpansMade,
  endSpan,
  type Span,
  SpanKind,
  spanIn,
  traceOfSpan,
} from '../../platform/telemetry/spans.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import { failureCode } from './call-span.policy.js';
import type { Outcome } from './work.js';

interface OpenDelivery {
  readonly delivery: LaneDelivery;
  readonly span: Span;
  readonly enteredMs: number;
  readonly takenMs: number;
}

/**
 * The spans of messages that this worker has, as far as their traces are kept: how long each waited in its lane, and
 * what was done with it then, a span for each time it was taken. Both are inside of the span of its acceptance, in
 * whatever process and however long ago that was. What was put back as it was has still to wait: nothing is told of it.
 */
@Injectable()
export class DeliverySpans {
  private readonly open = new Map<string, OpenDelivery>();

  constructor(@Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs'>) {}

  taken(delivery: LaneDelivery): void {
    const { event } = delivery;
    if (!areSpansMade() || !isSampled(event.traceparent)) return;
    const takenMs = this.sources.nowMs();
    // Never later: the clocks of two processes differ.
    const enteredMs = Math.min(takenMs, Date.parse(event.time));
    const attributes = attributesOf(delivery);
    const start = { kind: SpanKind.CONSUMER, startMs: takenMs, attributes };
    const span = spanIn(traceOf(event), 'dispatch', start);
    if (span !== null) this.open.set(event.subject, { delivery, span, enteredMs, takenMs });
  }

  /** @param outcome null where it left by an error of the worker */
  settled(delivery: LaneDelivery, outcome: Outcome | null): void {
    const open = this.of(delivery);
    if (open === null) return;
    const { event } = delivery;
    this.open.delete(event.subject);
    // A span without an end is not exported.
    if (outcome?.kind === 'put_back') return;
    const waited = { startMs: open.enteredMs, attributes: attributesOf(delivery) };
    const wait = spanIn(traceOf(event), 'wait', waited);
    if (wait !== null) endSpan(wait, null, open.takenMs);
    open.span.setAttribute('llmq.outcome', outcome?.kind ?? 'worker_error');
    endSpan(open.span, outcome === null ? 'worker_error' : failureIn(outcome));
  }

  /** What is done with a delivery goes into this; null where its trace is not kept. */
  around(delivery: LaneDelivery): { readonly trace: TraceContext; readonly queueMs: number } | null {
    const open = this.of(delivery);
    if (open === null) return null;
    return { trace: traceOfSpan(open.span), queueMs: open.takenMs - open.enteredMs };
  }

  /** Of an append about a message, inside of what is done with it here. */
  append(events: readonly MessageEvent[]): Span | null {
    const open = this.open.size === 0 ? undefined : this.open.get(events[0]?.subject ?? '');
    return open === undefined ? null : appendSpan(events, traceOfSpan(open.span));
  }

  private of(delivery: LaneDelivery): OpenDelivery | null {
    if (this.open.size === 0) return null;
    const open = this.open.get(delivery.event.subject);
    // A message that waits in two places is known by the delivery.
    return open?.delivery === delivery ? open : null;
  }
}

function attributesOf({ event, delivery }: LaneDelivery): Attributes {
  const { priority, reason, attempt, conversation_id: conversationId } = event.data;
  return {
    'llmq.message.id': event.subject,
    'llmq.lane': priority,
    'llmq.priority_reason': reason,
    'llmq.attempt': attempt,
    'llmq.delivery': delivery,
    ...(conversationId == null ? {} : { 'gen_ai.conversation.id': conversationId }),
  };
}

function failureIn(outcome: Outcome): string | null {
  return outcome.kind === 'failed' ? failureCode(outcome.failure) : null;
}
