import { isUuid } from '../../domain/uuid.policy.js';

/** The items of a response are parts of its message: their ids tell which, so that nothing is kept for them. */
const CONVERSATION = 'conv_';
/** `msg_<message>_0` for the first message of an answer, `fc_<message>_i0` for the first call in what was asked. */
const ITEM = /^(?:msg|rs|fc|fco)_([0-9a-f-]{36})_(i?)(0|[1-9]\d{0,5})$/;

const PREFIXES = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
} as const;

export type ItemType = keyof typeof PREFIXES;

export interface ItemPlace {
  readonly messageId: string;
  readonly part: 'asked' | 'answered';
  /** From 0, among those of its kind in the part. */
  readonly index: number;
}

/** @param shown the id that clients know the conversation by: one of their own stays as it is */
export function conversationIdFor(shown: string): string {
  return isUuid(shown) ? CONVERSATION + shown : shown;
}

/** What the rest of the service names it by. */
export function conversationNamed(id: string): string {
  const uuid = id.startsWith(CONVERSATION) ? id.slice(CONVERSATION.length) : '';
  return isUuid(uuid) ? uuid.toLowerCase() : id;
}

export function itemId(type: ItemType, { messageId, part, index }: ItemPlace): string {
  return `${PREFIXES[type]}_${messageId}_${part === 'asked' ? 'i' : ''}${index}`;
}

/**
 * The ids of the items of one part, in their order. Those of each kind are counted by themselves: a stream may tell a text
 * behind calls that the whole answer has before them, and the id of each is still the same.
 */
export class ItemIds {
  private readonly counts = new Map<ItemType, number>();

  constructor(
    private readonly messageId: string,
    private readonly part: ItemPlace['part'],
  ) {}

  next(type: ItemType): string {
    const index = this.counts.get(type) ?? 0;
    this.counts.set(type, index + 1);
    return itemId(type, { messageId: this.messageId, part: this.part, index });
  }
}

/** Null for what is no id of an item that was given out here. */
export function placeOfItem(id: string): ItemPlace | null {
  const [, messageId = '', asked, index] = ITEM.exec(id) ?? [];
  if (!isUuid(messageId)) return null;
  return { messageId, part: asked === 'i' ? 'asked' : 'answered', index: Number(index) };
}
