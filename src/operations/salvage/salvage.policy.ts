import { askedAgain, type PastMessage } from '../replay/replay.policy.js';

/** A message whose reception the log has lost, as PostgreSQL still knows it. */
export interface LostMessage extends PastMessage {
  readonly conversationId: string | null;
  /** Whether its conversation is still in the log. */
  readonly conversationKept: boolean;
  /** In milliseconds since 1970; null for a message that is never too late. */
  readonly deadlineMs: number | null;
}

/** What names the lost message in the metadata of the one that is submitted for it. */
export const SALVAGED_FROM = 'salvaged_from';

/**
 * The body that submits the message again, as one more of its conversation if that is still there. Null if it is too
 * late for it: its deadline would be refused. It repeats no message that the log knows, so its metadata alone name the
 * lost one.
 */
export function salvagedBody(lost: LostMessage, nowMs: number): Record<string, unknown> | null {
  const { deadlineMs, conversationId, conversationKept } = lost;
  if (deadlineMs !== null && deadlineMs <= nowMs) return null;
  return {
    ...askedAgain(lost, {}),
    ...routed(lost),
    metadata: { ...lost.metadata, [SALVAGED_FROM]: lost.id },
    ...(conversationId !== null && conversationKept ? { conversation_id: conversationId } : {}),
    ...(deadlineMs === null ? {} : { deadline: new Date(deadlineMs).toISOString() }),
  };
}

function routed({ request: { routing } }: LostMessage): Record<string, unknown> {
  if (routing === undefined) return {};
  const { fallbacks, failover, ...choice } = routing;
  return {
    ...(fallbacks === undefined ? {} : { fallbacks }),
    ...(failover === undefined ? {} : { failover }),
    ...(Object.keys(choice).length === 0 ? {} : { routing: choice }),
  };
}
