export type Affinity = 'none' | 'conversation' | 'user';

/** Whose message it is. */
export interface SessionOwner {
  readonly tenant: string;
  readonly conversationId: string | null;
  readonly userId: string | null;
}

/**
 * What is to stay at one endpoint: what the request says itself, else by `loadbalancer.affinity`. Null for a message that
 * may go anywhere, such as one of no conversation where these are what stays. Tenants do not share sessions.
 */
export function sessionKey(
  affinity: Affinity,
  asked: string | undefined,
  { tenant, conversationId, userId }: SessionOwner,
): string | null {
  if (asked !== undefined) return `${tenant}/key/${asked}`;
  if (affinity === 'conversation' && conversationId !== null)
    return `${tenant}/conversation/${conversationId}`;
  if (affinity === 'user' && userId !== null) return `${tenant}/user/${userId}`;
  return null;
}
