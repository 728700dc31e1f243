import { isUuid } from '../uuid.policy.js';

const GIVEN_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/**
 * An id that a client gave its conversation. No UUID is one: those are given out by the service, so that one that is
 * unknown is a mistake and never a new conversation.
 */
export function isGivenId(value: unknown): value is string {
  return typeof value === 'string' && GIVEN_ID.test(value) && !isUuid(value);
}

/** The id by which clients know a conversation: the one that they gave it, or else the service's. */
export function shownId({ id, givenId }: { readonly id: string; readonly givenId: string | null }): string {
  return givenId ?? id;
}

/** The same text for all ways to write one id: UUIDs may come in upper case. */
export function conversationKey(named: string): string {
  return isUuid(named) ? named.toLowerCase() : named;
}
