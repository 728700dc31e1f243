import type { ChatMessage } from '../message/message.events.js';

/** A turn that may be sent again as a part of the history. */
export interface PastTurn {
  readonly messageId: string;
  /** In the order of its conversation's turns. */
  readonly place: number;
  /** Exactly one of the two is there. */
  readonly content: string | null;
  readonly messages: readonly ChatMessage[] | null;
  /** It was said elsewhere: all of it is in its messages, an answer too. */
  readonly noted?: boolean;
  /** Null where it has no answer that counts. */
  readonly answer: ({ readonly content: string | null } & Record<string, unknown>) | null;
}

/** What was asked, as a chat. */
export function askedOf({
  content,
  messages,
}: {
  readonly content?: string | null | undefined;
  readonly messages?: readonly ChatMessage[] | null | undefined;
}): readonly ChatMessage[] {
  return messages ?? [{ role: 'user', content: content ?? '' }];
}

/** The question as it was asked and the answer that it got; nothing where it got none. */
export function messagesOfTurn(turn: PastTurn): readonly ChatMessage[] {
  return turn.answer === null ? [] : [...askedOf(turn), { ...turn.answer, role: 'assistant' }];
}
