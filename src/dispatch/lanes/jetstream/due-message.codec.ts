import { z } from 'zod';
import {
  analysisSchema,
  backoffSchema,
  laneSchema,
  priorityReasonSchema,
} from '../../../domain/message/message.events.js';
import { traceOf } from '../../../domain/trace-context.policy.js';
import type { RetrySchedule } from '../lane.port.js';

/** The body of a schedule, which the broker copies into the due message. Stored: changes must stay readable. */
const dueRecordSchema = z.object({
  message_id: z.string().min(1),
  tenant: z.string().min(1),
  traceparent: z.string().optional(),
  tracestate: z.string().optional(),
  priority: laneSchema,
  attempt: z.number().int().positive(),
  received_sequence: z.number().int().positive(),
  timeout_ms: z.number().nonnegative(),
  max_retries: z.number().int().nonnegative(),
  received_at: z.iso.datetime(),
  /** The broker hands the message over a moment before; absent for at once. */
  due_at: z.iso.datetime().nullish(),
  reason: priorityReasonSchema.nullish(),
  deadline: z.iso.datetime().nullish(),
  backoff: backoffSchema.nullish(),
  conversation_id: z.string().nullish(),
  analysis: analysisSchema.nullish(),
  /** Null for the default model; absent where an earlier version wrote it. */
  model: z.string().nullish(),
});

/** A schedule as its due message tells it. */
export type DueRecord = Omit<RetrySchedule, 'dueAt'> & { readonly dueAt: string | null };

export function encodeDue(schedule: RetrySchedule): string {
  const { message } = schedule;
  return JSON.stringify({
    message_id: schedule.messageId,
    tenant: schedule.tenant,
    traceparent: schedule.traceparent,
    tracestate: schedule.tracestate,
    priority: message.priority,
    attempt: message.attempt,
    received_sequence: message.receivedSequence,
    timeout_ms: message.timeoutMs,
    max_retries: message.maxRetries,
    received_at: message.receivedAt,
    due_at: schedule.dueAt,
    reason: message.reason ?? undefined,
    deadline: message.deadline ?? undefined,
    backoff: message.backoff ?? undefined,
    conversation_id: message.conversationId ?? undefined,
    analysis: message.analysis ?? undefined,
    model: message.model,
  } satisfies z.infer<typeof dueRecordSchema>);
}

/** @throws for a body that `encodeDue` did not make */
export function decodeDue(body: string): DueRecord {
  const record = dueRecordSchema.parse(JSON.parse(body));
  return {
    messageId: record.message_id,
    tenant: record.tenant,
    dueAt: record.due_at ?? null,
    ...traceOf(record),
    message: {
      priority: record.priority,
      attempt: record.attempt,
      receivedSequence: record.received_sequence,
      timeoutMs: record.timeout_ms,
      maxRetries: record.max_retries,
      receivedAt: record.received_at,
      reason: record.reason ?? null,
      deadline: record.deadline ?? null,
      backoff: record.backoff ?? null,
      conversationId: record.conversation_id ?? null,
      analysis: record.analysis ?? null,
      ...(record.model === undefined ? {} : { model: record.model }),
    },
  };
}
