import type { Lane, ModelRequest, PriorityReason, SOURCES } from '../message/message.events.js';

/** What a client asks for, checked against the rules of its fields. */
export interface Submission {
  readonly userId: string;
  readonly conversationId: string | null;
  readonly request: ModelRequest;
  readonly requestedPriority: Lane | null;
  readonly metadata: Record<string, unknown>;
  /** The message that this one repeats, as the client says. */
  readonly replayOf?: string;
  /** The service's default when absent. */
  readonly maxRetries?: number;
  /** The service's default when absent. */
  readonly timeoutMs?: number;
  /** The client listens to the answer as it is produced. */
  readonly stream: boolean;
  readonly source: (typeof SOURCES)[number];
}

/** What the service has accepted: it is durable. */
export interface AcceptedMessage {
  readonly id: string;
  readonly priority: Lane;
  readonly priorityReason: PriorityReason;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}
