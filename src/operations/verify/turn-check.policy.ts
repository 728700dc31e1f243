import type { ConversationEventOf } from '../../domain/conversation/conversation.events.js';
import { isTerminal, type MessageEvent } from '../../domain/message/message.events.js';
import type { MessageState } from '../../domain/message/message.state.js';
import type { Finding } from './findings.policy.js';

/** The turns of each conversation that have not ended, with their places in its order. */
export type OpenTurns = Map<string, Map<string, number>>;

/**
 * Turns run in the order in which they were accepted, one at a time: when a turn is dispatched, no earlier one is open.
 *
 * A turn's place is the sequence of its reception, also if the client delayed it: later turns wait for it. A turn that is
 * requeued after its end gets a new place at the end, because later turns have run meanwhile.
 *
 * `open` is changed; `before` and `after` are the message's states around the event.
 */
export function checkTurn(
  open: OpenTurns,
  before: MessageState | null,
  after: MessageState,
  event: MessageEvent,
  sequence: number,
): Finding[] {
  if (after.conversationId === null || before === after) return [];
  const conversation = `${after.tenant} ${after.conversationId}`;
  const turns = open.get(conversation) ?? new Map<string, number>();
  open.set(conversation, turns);
  const found = event.type === 'llmq.message.dispatched.v1' ? overtaken(turns, event, after, sequence) : [];
  place(turns, event, sequence);
  if (turns.size === 0) open.delete(conversation);
  return found;
}

/** A summary may cover only turns that have ended: an open turn under a summary would be sent to no model. */
export function checkSummary(
  open: OpenTurns,
  { tenant, subject, data }: ConversationEventOf<'llmq.conversation.summarized.v1'>,
  sequence: number,
): Finding[] {
  for (const [turn, place] of open.get(`${tenant} ${subject}`) ?? []) {
    if (place > data.up_to_sequence) continue;
    const detail = `summed up to sequence ${data.up_to_sequence} while the turn ${turn} (sequence ${place}) had not ended`;
    return [{ rule: 'summary_ahead', sequence, subject, detail }];
  }
  return [];
}

function place(turns: Map<string, number>, event: MessageEvent, sequence: number): void {
  if (isTerminal(event)) {
    turns.delete(event.subject);
  } else if (event.type === 'llmq.message.received.v1') {
    turns.set(event.subject, sequence);
  } else if (event.type === 'llmq.message.requeued.v1') {
    if (!turns.has(event.subject)) turns.set(event.subject, sequence);
  }
}

function overtaken(
  turns: ReadonlyMap<string, number>,
  event: MessageEvent,
  state: MessageState,
  sequence: number,
): Finding[] {
  const own = turns.get(event.subject);
  if (own === undefined) return [];
  for (const [other, place] of turns) {
    if (place >= own) continue;
    const detail = `dispatched in conversation ${state.conversationId} while the earlier turn ${other} (sequence ${place}) had not ended`;
    return [{ rule: 'turn_overtaken', sequence, subject: event.subject, detail }];
  }
  return [];
}
