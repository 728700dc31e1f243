import type { AttemptView, DeadLetter } from '../../../projection/read/dead-letter-reader.js';
import type { Page } from '../../../projection/read/page.js';

export function deadLetterJson(letter: DeadLetter): Record<string, unknown> {
  return {
    id: letter.messageId,
    user_id: letter.userId,
    priority: letter.priority,
    model: letter.model,
    attempts: letter.attempts,
    error: letter.error,
    created_at: letter.createdAt,
    failed_at: letter.deadLetteredAt,
  };
}

export function deadLetterPageJson(page: Page<DeadLetter>): Record<string, unknown> {
  return { data: page.data.map(deadLetterJson), next_cursor: page.nextCursor };
}

export function attemptJson(attempt: AttemptView): Record<string, unknown> {
  const { startedAt, endedAt, outcome, error, ...same } = attempt;
  return { ...same, started_at: startedAt, ended_at: endedAt, outcome, error };
}
