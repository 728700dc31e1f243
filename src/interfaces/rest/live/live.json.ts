import type { LiveEvent, LiveStatus } from '../../../submission/live/live-event.js';
import type { MessageWait } from '../../../submission/waiting/message-wait.policy.js';
import { errorJson, messageJson } from '../message.json.js';

/** What followers are told, without its id, which each protocol puts into its own place. */
export function liveEventJson(event: LiveEvent): Record<string, unknown> {
  const { type, messageId: message_id } = event;
  switch (event.type) {
    case 'status':
      return { type, message_id, message: statusJson(event.status, event.wait) };
    case 'piece': {
      const { attempt, delta, model } = event;
      return { type, message_id, attempt, delta, ...(model === undefined ? {} : { model }) };
    }
    case 'restart':
      return { type, message_id };
    case 'ended':
      return { type, message_id, message: messageJson(event.view) };
  }
}

function statusJson(status: LiveStatus, { position, etaSeconds, waitingFor }: MessageWait) {
  return {
    id: status.id,
    user_id: status.userId,
    conversation_id: status.conversationId,
    status: status.status,
    priority: status.priority,
    priority_reason: status.priorityReason,
    attempts: status.attempts,
    max_retries: status.maxRetries,
    model: status.model,
    created_at: status.createdAt,
    updated_at: status.updatedAt,
    scheduled_at: status.scheduledAt,
    deadline: status.deadline,
    started_at: status.startedAt,
    completed_at: status.completedAt,
    error: errorJson(status.error),
    ...{ position, eta_seconds: etaSeconds, waiting_for: waitingFor },
  };
}
