import { createHash } from 'node:crypto';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';

/** Where a conversation is, or would be. */
export interface ConversationPlace {
  readonly id: string;
  /** Null where none is; an erased one is there as its tombstone. */
  readonly conversation: ConversationState | null;
}

/**
 * The service's own id of the conversation to which a tenant gave this one: the same in every process, so that two first
 * messages at once make one conversation. A UUIDv8 (RFC 9562) of a digest; tenants share none, and a client can't make
 * one up for another.
 *
 * @param erasedBefore how many conversations of this name were erased: the next one begins anew
 */
export function conversationIdOf(tenant: string, givenId: string, erasedBefore: number): string {
  const seed = JSON.stringify(['conversation', tenant, givenId, erasedBefore]);
  const digest = createHash('sha256').update(seed).digest();
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

/**
 * The first place whose conversation was not erased. One is begun only when those before it are erased, and stays erased,
 * so it is found by doubling and halving, with few reads however often a name was erased.
 */
export async function firstNotErased(
  at: (index: number) => Promise<ConversationPlace>,
): Promise<ConversationPlace> {
  let least = 0;
  let most = 0;
  let found = await at(most);
  while (isErased(found)) {
    least = most + 1;
    most = most * 2 + 1;
    found = await at(most);
  }
  while (least < most) {
    const middle = Math.floor((least + most) / 2);
    const one = await at(middle);
    if (isErased(one)) least = middle + 1;
    else [most, found] = [middle, one];
  }
  return found;
}

function isErased({ conversation }: ConversationPlace): boolean {
  return conversation?.state === 'erased';
}
