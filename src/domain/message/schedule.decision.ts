/** When a submission wants to be called: at most one of `delayMs` and `scheduledAt`, and of `ttlMs` and `deadline`. */
export interface TimingRequest {
  readonly delayMs?: number | null;
  /** ISO 8601. */
  readonly scheduledAt?: string | null;
  /** Counted from the moment the message is accepted. */
  readonly ttlMs?: number | null;
  /** ISO 8601. */
  readonly deadline?: string | null;
}

/** ISO 8601 in UTC with milliseconds. `dueAt` null: at once. `deadline` null: never too late. */
export interface Timing {
  readonly dueAt: string | null;
  readonly deadline: string | null;
}

export interface TimingProblem {
  readonly field: keyof TimingRequest;
  readonly reason: string;
}

export const MAX_DELAY_MS = 30 * 24 * 60 * 60 * 1_000;
export const MAX_TTL_MS = 365 * 24 * 60 * 60 * 1_000;

/**
 * Times as the log keeps them. A `scheduledAt` that is past means at once, since clocks differ and requests travel; a
 * deadline that is past can't be kept by anybody, so it is refused, as is one before the message is due.
 */
export function timing(request: TimingRequest, nowMs: number): Timing | TimingProblem {
  const { delayMs = null, scheduledAt = null, ttlMs = null, deadline = null } = request;
  if (delayMs !== null && scheduledAt !== null)
    return problem('scheduledAt', 'must not be there beside delay');
  if (ttlMs !== null && deadline !== null) return problem('deadline', 'must not be there beside ttl');
  const dueMs = delayMs !== null ? nowMs + delayMs : scheduledAt === null ? nowMs : Date.parse(scheduledAt);
  const deadlineMs = ttlMs !== null ? nowMs + ttlMs : deadline === null ? null : Date.parse(deadline);
  if (dueMs - nowMs > MAX_DELAY_MS) {
    return problem(delayMs === null ? 'scheduledAt' : 'delayMs', 'must be at most 30 days from now');
  }
  const limit = ttlMs === null ? 'deadline' : 'ttlMs';
  if (deadlineMs !== null && deadlineMs <= nowMs) return problem(limit, 'must be in the future');
  if (deadlineMs !== null && deadlineMs - nowMs > MAX_TTL_MS) {
    return problem(limit, 'must be at most 365 days from now');
  }
  if (deadlineMs !== null && deadlineMs <= dueMs) {
    return problem(limit, 'must be later than the time that the message is due');
  }
  return { dueAt: dueMs > nowMs ? iso(dueMs) : null, deadline: deadlineMs === null ? null : iso(deadlineMs) };
}

function problem(field: TimingProblem['field'], reason: string): TimingProblem {
  return { field, reason };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
