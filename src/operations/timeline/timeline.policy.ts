import type { AdminEvent } from '../../domain/admin/admin.events.js';
import { assertNever } from '../../domain/assert-never.js';
import type { ConversationEvent } from '../../domain/conversation/conversation.events.js';
import type { ErasureEvent } from '../../domain/erasure/erasure.events.js';
import { keptEvents } from '../../domain/message/erase-content.decision.js';
import { isTerminal, type MessageEvent } from '../../domain/message/message.events.js';
import { conversationWords } from './conversation-words.policy.js';
import { mayReadReasons, type TimelineReader } from './lane-pauses.policy.js';
import { messageWords } from './message-words.policy.js';
import { NOT_WAITING, type Waiting, waitingAfter } from './waiting.policy.js';
import { counted } from './words.policy.js';

export type TimelineEvent = MessageEvent | ConversationEvent | ErasureEvent | AdminEvent;

/** One event as the timeline tells it. */
export interface TimelineEntry {
  readonly sequence: number;
  readonly event: TimelineEvent;
  readonly text: string;
  /** The event's, without what the reader may not read. */
  readonly data: object;
}

interface Sequenced {
  readonly sequence: number;
  readonly event: TimelineEvent;
}

interface Story {
  readonly waiting: Waiting;
  readonly ended: boolean;
}

/**
 * Each event with its sentence, in the order of the log. The events may be of one message or of several. If they begin
 * in the middle of a message's life, its waiting is counted from there. Among them may be pauses of its lane, which
 * another tenant's key made: the reader is told that they were, and nothing of who said what.
 */
export function timelineOf(events: readonly Sequenced[], reader: TimelineReader): TimelineEntry[] {
  const stories = new Map<string, Story>();
  return events.flatMap(withKept).map(({ sequence, event }) => {
    if (isOfLane(event) && !mayReadReasons(reader, event.tenant)) {
      return { sequence, event, text: plainLaneWords(event), data: { lane: event.data.lane } };
    }
    if (!isOfMessage(event)) return { sequence, event, text: otherWords(event), data: event.data };
    const story = stories.get(event.subject) ?? { waiting: NOT_WAITING, ended: false };
    const text = messageWords(event, story.waiting) + lateness(story, event);
    stories.set(event.subject, storyAfter(story, event));
    return { sequence, event, text, data: event.data };
  });
}

/** Behind those that it stands for; its own data need not repeat them. */
function withKept(stored: Sequenced): readonly Sequenced[] {
  const { sequence, event } = stored;
  if (event.type !== 'llmq.message.content-erased.v1') return [stored];
  return [...keptEvents(event), { sequence, event: { ...event, data: { ...event.data, events: [] } } }];
}

function isOfMessage(event: TimelineEvent): event is MessageEvent {
  return event.type.startsWith('llmq.message.');
}

type LaneEvent = Extract<AdminEvent, { type: `llmq.admin.lane-${string}` }>;

function isOfLane(event: TimelineEvent): event is LaneEvent {
  return event.type.startsWith('llmq.admin.lane-');
}

function plainLaneWords({ type, data: { lane } }: LaneEvent): string {
  return `Lane ${lane} ${type === 'llmq.admin.lane-paused.v1' ? 'paused' : 'resumed'}.`;
}

/** A reason that nobody gave is empty in the log. */
function because(reason: string): string {
  return reason === '' ? '.' : `: ${reason}.`;
}

function otherWords(event: ConversationEvent | ErasureEvent | AdminEvent): string {
  if (isOfConversation(event)) return conversationWords(event);
  return isOfErasure(event) ? erasureWords(event) : adminWords(event);
}

function isOfConversation(event: TimelineEvent): event is ConversationEvent {
  return event.type.startsWith('llmq.conversation.');
}

function isOfErasure(event: TimelineEvent): event is ErasureEvent {
  return event.type.startsWith('llmq.erasure.');
}

/** What happened to messages that were erased by themselves, in a sentence for people. */
function erasureWords(event: ErasureEvent): string {
  switch (event.type) {
    case 'llmq.erasure.decided.v1': {
      const { by, reason, part, messages } = event.data;
      const what = part === 'content' ? 'Content of ' : '';
      return `${what}${counted(messages.length, 'message')} erased by ${by}: ${reason}.`;
    }
    case 'llmq.erasure.begun.v1':
      return 'Being erased from the log.';
    case 'llmq.erasure.finished.v1':
      return `Erased from the log too, with ${counted(event.data.events, 'event')}.`;
    default:
      return assertNever(event);
  }
}

function storyAfter({ waiting, ended }: Story, event: MessageEvent): Story {
  const requeued = event.type === 'llmq.message.requeued.v1';
  return { waiting: waitingAfter(waiting, event), ended: isTerminal(event) || (ended && !requeued) };
}

const COUNTS_AFTER_THE_END: readonly string[] = [
  'llmq.message.requeued.v1',
  'llmq.message.dead-letter-discarded.v1',
  'llmq.message.content-erased.v1',
  'llmq.message.webhook-tried.v1',
  'llmq.message.webhook-wanted.v1',
];

/** The first terminal event counts. Later events change nothing, except a requeue. */
function lateness({ ended }: Story, event: MessageEvent): string {
  return ended && !COUNTS_AFTER_THE_END.includes(event.type)
    ? ' This came after the end and does not count.'
    : '';
}

/** What an admin changed, in a sentence for people. */
function adminWords(event: AdminEvent): string {
  switch (event.type) {
    case 'llmq.admin.priority-rule-set.v1':
      return `Rule ${event.data.rule.id} set by ${event.data.by}: priority ${event.data.rule.priority}.`;
    case 'llmq.admin.priority-rule-removed.v1':
      return `Rule ${event.subject} removed by ${event.data.by}.`;
    case 'llmq.admin.user-priority-set.v1':
      return `Priority ${event.data.priority} set for user ${event.data.user_id} by ${event.data.by}.`;
    case 'llmq.admin.user-priority-removed.v1':
      return `Priority of user ${event.data.user_id} removed by ${event.data.by}.`;
    case 'llmq.admin.lane-paused.v1':
      return `Lane ${event.data.lane} paused by ${event.data.by}${because(event.data.reason)}`;
    case 'llmq.admin.lane-resumed.v1':
      return `Lane ${event.data.lane} resumed by ${event.data.by}${because(event.data.reason)}`;
    case 'llmq.admin.endpoint-state-changed.v1': {
      const { endpoint, model, from, to, reason } = event.data;
      return `Endpoint ${endpoint} is ${to} for ${model}, before ${from}: ${reason}.`;
    }
    case 'llmq.admin.webhook-receiver-switched-off.v1':
      return `Webhooks to ${event.data.url} switched off: ${event.data.reason}.`;
    case 'llmq.admin.webhook-receiver-switched-on.v1':
      return `Webhooks to ${event.data.url} switched on by ${event.data.by}.`;
    case 'llmq.admin.log-loss-accepted.v1':
      return `${event.data.by} had the tables built from a log that had lost records.`;
    case 'llmq.admin.endpoint-set.v1':
      return `Endpoint ${event.subject} set by ${event.data.by}: ${event.data.endpoint.models.length} models at ${event.data.endpoint.base_url}.`;
    case 'llmq.admin.endpoint-tuned.v1':
      return `Endpoint ${event.subject} changed by ${event.data.by}: ${JSON.stringify(event.data.tuning)}.`;
    case 'llmq.admin.endpoint-removed.v1':
      return `Endpoint ${event.subject} removed by ${event.data.by}.`;
    case 'llmq.admin.endpoint-drained.v1':
      return `Endpoint ${event.subject} drained by ${event.data.by}: ${event.data.reason}.`;
    case 'llmq.admin.endpoint-undrained.v1':
      return `Endpoint ${event.subject} undrained by ${event.data.by}: ${event.data.reason}.`;
    case 'llmq.admin.scheduler-set.v1':
      return `Scheduler set by ${event.data.by}: ${JSON.stringify(event.data.changes)}.`;
    case 'llmq.admin.scale-decided.v1': {
      const { model, from, to, dry_run: isDry, reason } = event.data;
      return `${model} ${isDry ? 'would get' : 'gets'} ${to} slots, before ${from}: ${reason}.`;
    }
    default:
      return assertNever(event);
  }
}
