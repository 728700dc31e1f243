import { conversationKey } from '../../domain/conversation/given-id.policy.js';
import { costText } from '../../domain/message/accounting.policy.js';
import type { LargeParts } from '../../domain/message/message.events.js';
import type { MessageResult, MessageView } from '../../projection/read/message-view.js';
import type { Page } from '../../projection/read/page.js';
import { RefusedError, retryAfterSeconds } from '../../submission/refusal.js';
import type { AcceptedMessage, Submission } from '../../submission/submission.js';
import type { SubmitResult } from '../../submission/submit-message.js';
import type { MessageWait } from '../../submission/waiting/message-wait.policy.js';
import { toProblem } from './problem.js';

/** The same with how it waits, which is asked for where one message is read. */
export function waitingMessageJson(view: MessageView, wait: MessageWait): Record<string, unknown> {
  const { position, etaSeconds, waitingFor } = wait;
  return { ...messageJson(view), position, eta_seconds: etaSeconds, waiting_for: waitingFor };
}

/** A message as REST clients read it. `messages`, `prompt` and `input` are there only where they were submitted in place of content. */
export function messageJson(view: MessageView): Record<string, unknown> {
  return {
    id: view.id,
    user_id: view.userId,
    conversation_id: view.conversationId,
    replay_of: view.replayOf,
    ...(view.kind === 'chat' ? {} : { kind: view.kind }),
    ...(view.contentErased ? { content_erased: true } : {}),
    content: view.content,
    ...(view.messages === null ? {} : { messages: view.messages }),
    ...(view.large === null ? {} : { large_parts: largeJson(view.large) }),
    ...(view.prompt === undefined ? {} : { prompt: view.prompt }),
    ...(view.input === undefined ? {} : { input: view.input }),
    priority: view.priority,
    priority_reason: view.priorityReason,
    status: view.status,
    attempts: view.attempts,
    max_retries: view.maxRetries,
    model: view.model,
    created_at: view.createdAt,
    updated_at: view.updatedAt,
    scheduled_at: view.scheduledAt,
    deadline: view.deadline,
    started_at: view.startedAt,
    completed_at: view.completedAt,
    metadata: view.metadata,
    analysis: view.analysis,
    result: view.result === null ? null : resultJson(view.result),
    error: errorJson(view.error),
  };
}

export function errorJson(error: MessageView['error']): Record<string, unknown> | null {
  return error === null ? null : { code: error.code, message: error.message };
}

/** Where the parts stand that are too large for a list, or are lost. */
function largeJson({ parts }: LargeParts): object[] {
  return parts.map(({ at, bytes }) => ({ at, bytes }));
}

/** Embeddings are all of one, as the endpoint sent them. Several answers (`n`) are all in `choices`, the first one too. */
function resultJson(result: MessageResult): Record<string, unknown> {
  const { answer, finishReason, otherChoices, model, endpoint, usage, costNanos, history } = result;
  return {
    ...saidJson(answer),
    ...(Array.isArray(answer['data']) ? { data: answer['data'] } : {}),
    finish_reason: finishReason,
    ...(otherChoices === null ? {} : { choices: choicesJson(result, otherChoices) }),
    model,
    endpoint,
    usage,
    cost: costNanos === null ? null : costText(costNanos),
    ...(history === null ? {} : { metadata: { history } }),
  };
}

function choicesJson(
  { answer, finishReason }: MessageResult,
  others: NonNullable<MessageResult['otherChoices']>,
): Record<string, unknown>[] {
  const first = { index: 0, message: answer, finish_reason: finishReason };
  return [first, ...others].map(({ index, message, finish_reason }) => ({
    ...{ index, ...saidJson(message), finish_reason },
  }));
}

/** Tool calls are part of an answer only where the model made some. */
function saidJson({
  content = null,
  tool_calls,
}: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { content, ...(tool_calls === undefined ? {} : { tool_calls }) };
}

export function pageJson(page: Page<MessageView>): Record<string, unknown> {
  return { data: page.data.map(messageJson), next_cursor: page.nextCursor };
}

/** What is known of a message when it is accepted; the rest is to be read at its address. */
export function acceptedJson(accepted: AcceptedMessage, submission: Submission): Record<string, unknown> {
  return {
    id: accepted.id,
    status: accepted.dueAt === null ? 'pending' : 'scheduled',
    priority: accepted.priority,
    priority_reason: accepted.priorityReason,
    user_id: submission.userId,
    conversation_id: submission.conversationId === null ? null : conversationKey(submission.conversationId),
    model: accepted.model,
    created_at: accepted.createdAt,
    scheduled_at: accepted.dueAt,
    deadline: accepted.deadline,
  };
}

/** What became of each message of a batch, in the order of the request. */
export function batchJson(results: readonly SubmitResult[]): Record<string, unknown> {
  const rejected = results.filter((result) => result instanceof RefusedError).length;
  return { accepted: results.length - rejected, rejected, results: results.map(itemJson) };
}

function itemJson(result: SubmitResult, index: number): Record<string, unknown> {
  if (result instanceof RefusedError) {
    const { status, code, detail, field, errors, more_errors } = toProblem(result.refusal);
    const retryAfter = retryAfterSeconds(result.refusal);
    const error = {
      ...{ code, detail },
      ...(field === undefined ? {} : { field, errors }),
      ...(more_errors === undefined ? {} : { more_errors }),
      ...(retryAfter === null ? {} : { retry_after_seconds: retryAfter }),
    };
    return { index, status, error };
  }
  const { id, priority, priorityReason, createdAt } = result;
  return { index, status: 202, id, priority, priority_reason: priorityReason, created_at: createdAt };
}
