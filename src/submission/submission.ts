import type { ConversationEventOf, DoubleTexting } from '../domain/conversation/conversation.events.js';
import type { Lane } from '../domain/message/lane.policy.js';
import type {
  BackoffChoice,
  ModelRequest,
  PriorityReason,
  SOURCES,
} from '../domain/message/message.events.js';
import type { TimingRequest } from '../domain/message/schedule.decision.js';
import type { TraceContext } from '../domain/trace-context.policy.js';

export type ConversationCreation = ConversationEventOf<'llmq.conversation.created.v1'>;

/** What a client asks for, checked against the rules of its fields. */
export interface Submission {
  readonly userId: string;
  /** The client named no user, so `userId` is a default. In a conversation, the conversation's user replaces it. */
  readonly userUnnamed?: boolean;
  /** As the client names it, until it is let in there. */
  readonly conversationId: string | null;
  /** The id that clients know its conversation by, where they gave it one; absent until it is let in there. */
  readonly conversationGivenId?: string | null;
  /** Makes its conversation, of which it is among the first messages. */
  readonly conversationCreation?: ConversationCreation;
  /** The conversation's own when absent. */
  readonly doubleTexting?: DoubleTexting;
  readonly request: ModelRequest;
  readonly requestedPriority: Lane | null;
  /** What its conversation's messages get that ask for nothing; absent until it is let in there. */
  readonly conversationPriority?: Lane | null;
  readonly metadata: Record<string, unknown>;
  /** The message that this one repeats, as the client says. */
  readonly replayOf?: string;
  /** Is told when the message has ended; that of its API key or of the service when absent, and nobody when null. */
  readonly callbackUrl?: string | null;
  /** The service's default when absent. */
  readonly maxRetries?: number;
  /** The service's default when absent. */
  readonly timeoutMs?: number;
  /** The service's own when absent. */
  readonly backoff?: BackoffChoice;
  /** At once, and never too late, when absent. */
  readonly timing?: TimingRequest;
  /** The client listens to the answer as it is produced. */
  readonly stream: boolean;
  readonly source: (typeof SOURCES)[number];
  /** The NATS subject on which its end is to be told. */
  readonly resultTo?: string;
  /** Its own, where it came with many others. */
  readonly trace?: TraceContext;
}

/** Tells a submission from what already became of one. */
export function isSubmission(item: object): item is Submission {
  return 'requestedPriority' in item;
}

/** What the service has accepted: it is durable. */
export interface AcceptedMessage {
  readonly id: string;
  readonly priority: Lane;
  readonly priorityReason: PriorityReason;
  /** Its own or its conversation's; null for the service's default, and the one that answered once that is known. */
  readonly model: string | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** ISO 8601, UTC; null when it is in its lane already. */
  readonly dueAt: string | null;
  /** ISO 8601, UTC. */
  readonly deadline: string | null;
}
