import type { Lane } from '../../domain/message/lane.policy.js';
import type { PriorityReason } from '../../domain/message/message.events.js';
import type {
  AttemptRow,
  DeadLetterRow,
  RequestRow,
  ResultRow,
  SequencedEvent,
} from '../../domain/message/message.projection.js';
import type { MessageState } from '../../domain/message/message.state.js';
import {
  type Columns,
  column,
  count,
  flag,
  identifier,
  json,
  milliseconds,
  nullable,
  type RowOf,
  sequence,
  Table,
  text,
  time,
  uuid,
  word,
} from './table.js';

const messageColumns = {
  id: column(uuid, (row) => row.id),
  tenant: column(identifier, (row) => row.tenant),
  status: column(word, (row) => row.status),
  priority: column(word, (row) => row.priority),
  priorityReason: column(text, (row): PriorityReason => row.priorityReason),
  model: nullable(text, (row) => row.model),
  attempts: column(count, (row) => row.attempts),
  openAttempts: column(count, (row) => row.openAttempts),
  currentAttempt: column(count, (row) => row.currentAttempt),
  maxRetries: column(count, (row) => row.maxRetries),
  createdAt: column(time, (row) => row.createdAt),
  updatedAt: column(time, (row) => row.updatedAt),
  scheduledAt: nullable(time, (row) => row.scheduledAt),
  startedAt: nullable(time, (row) => row.startedAt),
  completedAt: nullable(time, (row) => row.completedAt),
  waitedMs: nullable(milliseconds, (row) => row.waitedMs),
  error: nullable(json, (row) => row.error),
  receivedSequence: column(sequence, (row) => row.receivedSequence),
  lastSequence: column(sequence, (row) => row.lastSequence),
  terminalSequence: nullable(sequence, (row) => row.terminalSequence),
  heldBehind: nullable(uuid, (row) => row.heldBehind),
  laneSequence: nullable(sequence, (row) => row.laneSequence),
  /** Also with the request, which never changes; here for the search for what expired while it waited. */
  deadline: nullable(time, (row) => row.deadline),
  /** The NATS subject on which its end is told. */
  resultTo: nullable(text, (row) => row.resultTo),
} satisfies Columns<MessageState>;

/**
 * Where a message stands: the part that its later events change. It is kept narrow, and without the indexes that only
 * what was asked needs (they are on `message_requests`), because each change of the status writes a whole new row and
 * an entry into every index of this table.
 */
export const messages = new Table<MessageState, typeof messageColumns>('messages', messageColumns, {
  key: ['id'],
  newerBy: 'lastSequence',
  fixed: ['tenant', 'createdAt', 'receivedSequence', 'resultTo'],
  indexes: {
    messages_by_status: { on: ['tenant', 'status', 'createdAt', 'id'] },
    messages_by_priority: { on: ['tenant', 'priority', 'createdAt', 'id'] },
    messages_held: { on: ['heldBehind'], where: '(held_behind IS NOT NULL)' },
    messages_waiting: {
      on: ['priority', 'laneSequence', 'model'],
      where: "((status = 'pending'::text) AND (held_behind IS NULL))",
    },
    messages_apart: {
      on: ['status', 'priority'],
      where: "(status = ANY (ARRAY['scheduled'::text, 'failed'::text]))",
    },
    messages_ended: {
      on: ['completedAt', 'tenant', 'priority', 'status', 'waitedMs', 'startedAt'],
      where: '(completed_at IS NOT NULL)',
    },
    messages_by_deadline: {
      on: ['deadline'],
      where: '((terminal_sequence IS NULL) AND (deadline IS NOT NULL))',
    },
    messages_results: { on: ['terminalSequence'], where: '(result_to IS NOT NULL)' },
  },
});

const requestColumns = {
  messageId: column(uuid, (row) => row.messageId),
  sequence: column(sequence, (row) => row.sequence),
  /** Its place among the turns of its conversation; null outside of one. */
  turnSequence: nullable(sequence, (row) => (row.event.data.conversation_id === null ? null : row.sequence)),
  tenant: column(identifier, (row) => row.event.tenant),
  userId: column(identifier, (row) => row.event.data.user_id),
  conversationId: nullable(identifier, (row) => row.event.data.conversation_id),
  /** By which clients know it, where they gave it an id. */
  conversationGivenId: nullable(identifier, (row) => row.event.data.conversation_given_id),
  createdAt: column(time, (row) => row.event.time),
  request: column(json, (row) => row.event.data.request),
  metadata: column(json, (row) => row.event.data.metadata),
  requestedPriority: nullable(word, (row): Lane | null => row.event.data.requested_priority),
  source: column(word, (row) => row.event.data.source),
  stream: column(flag, (row) => row.event.data.stream),
  timeoutMs: column(milliseconds, (row) => row.event.data.timeout_ms),
  deadline: nullable(time, (row) => row.event.data.deadline),
  /** What was found in it when it was prioritized; null where nobody looked. */
  analysis: nullable(json, (row) => row.analysis),
  replayOf: nullable(identifier, (row) => row.event.data.replay_of),
  /** Of the API key. */
  keyName: nullable(identifier, (row) => row.event.data.key_name),
  /** Who is told when it has ended. */
  callback: nullable(json, (row) => row.event.data.callback),
  /** Its content is to be erased once it has ended; null where it stays. */
  unkept: nullable(flag, (row) => (row.event.data.request.response?.store === false ? true : null)),
} satisfies Columns<RequestRow>;

/** What was asked, by whom and when. Written once, but for a turn that moves, so its indexes cost one entry for each message. */
export const messageRequests = new Table<RequestRow, typeof requestColumns>(
  'message_requests',
  requestColumns,
  {
    key: ['messageId'],
    indexes: {
      message_requests_by_time: { on: ['tenant', 'createdAt', 'messageId'] },
      message_requests_by_user: { on: ['tenant', 'userId', 'createdAt', 'messageId'] },
      message_requests_by_conversation: {
        on: ['tenant', 'conversationId', 'createdAt', 'messageId'],
        where: '(conversation_id IS NOT NULL)',
      },
      message_requests_by_turn: {
        on: ['tenant', 'conversationId', 'turnSequence'],
        where: '(conversation_id IS NOT NULL)',
      },
      message_requests_by_replay: { on: ['replayOf'], where: '(replay_of IS NOT NULL)' },
      message_requests_unkept: { on: ['messageId'], where: '(unkept IS NOT NULL)' },
      message_requests_by_replay_time: { on: ['createdAt'], where: '(replay_of IS NOT NULL)' },
    },
  },
);

const resultColumns = {
  messageId: column(uuid, (row) => row.messageId),
  sequence: column(sequence, (row) => row.sequence),
  attempt: column(count, (row) => row.attempt),
  delivery: column(count, (row) => row.delivery),
  answer: column(json, (row) => row.answer),
  finishReason: nullable(text, (row) => row.finishReason),
  model: column(text, (row) => row.model),
  endpoint: column(text, (row) => row.endpoint),
  /** As the endpoint told it, or as it was estimated. */
  promptTokens: nullable(sequence, (row) => row.accounting?.input_tokens),
  completionTokens: nullable(sequence, (row) => row.accounting?.output_tokens),
  queueMs: column(milliseconds, (row) => row.queueMs),
  firstTokenMs: nullable(milliseconds, (row) => row.firstTokenMs),
  totalMs: column(milliseconds, (row) => row.totalMs),
  cachedTokens: nullable(sequence, (row) => row.accounting?.cached_tokens),
  reasoningTokens: nullable(sequence, (row) => row.accounting?.reasoning_tokens),
  /** In 10^-9 of the prices' currency; null without a price. */
  costNanos: nullable(sequence, (row) => row.accounting?.cost_nanos),
  /** By the name that clients ask for. */
  accountedModel: nullable(text, (row) => row.accounting?.model),
  estimated: nullable(flag, (row) => row.accounting?.estimated),
  /** With all that the endpoint told of it; null where it told nothing. */
  usage: nullable(json, (row) => row.usage),
  otherChoices: nullable(json, (row) => row.otherChoices),
  /** What of its conversation did not fit; null where all did. */
  history: nullable(json, (row) => row.history),
} satisfies Columns<ResultRow>;

/**
 * The answer that counts. It belongs to the message while `messages.terminal_sequence` names its `sequence`; after a
 * requeue it is history until the next answer takes its place.
 */
export const messageResults = new Table<ResultRow, typeof resultColumns>('message_results', resultColumns, {
  key: ['messageId'],
  newerBy: 'sequence',
});

/** What a row without a start leaves as it is stored. The endpoint is there twice: the end may be all that names it. */
const startColumns = {
  /** Where the call began; null when it failed before an endpoint was called. */
  dispatchedSequence: nullable(sequence, (row) => row.start?.sequence),
  worker: nullable(text, (row) => row.start?.worker),
  endpoint: nullable(text, (row) => row.start?.endpoint ?? row.end?.endpoint),
  endpointReason: nullable(text, (row) => row.start?.endpointReason),
  model: nullable(text, (row) => row.start?.model),
  waitedMs: nullable(milliseconds, (row) => row.start?.waitedMs),
  startedAt: nullable(time, (row) => row.start?.startedAt),
} satisfies Columns<AttemptRow>;

const attemptColumns = {
  messageId: column(uuid, (row) => row.messageId),
  attempt: column(count, (row) => row.attempt),
  delivery: column(count, (row) => row.delivery),
  ...startColumns,
  /** The last event that this row holds. */
  sequence: column(sequence, (row) => row.sequence),
  endedAt: nullable(time, (row) => row.end?.endedAt),
  outcome: nullable(word, (row) => row.end?.outcome),
  error: nullable(json, (row) => row.end?.error),
  chunksDelivered: nullable(count, (row) => row.end?.chunksDelivered),
  nextRetryAt: nullable(time, (row) => row.end?.nextRetryAt),
} satisfies Columns<AttemptRow>;

/** One call to a model. `outcome` is null while it runs, and for ever when its worker died. */
export const attempts = new Table<AttemptRow, typeof attemptColumns>('attempts', attemptColumns, {
  key: ['messageId', 'attempt', 'delivery'],
  newerBy: 'sequence',
  setTo: (name, property) => (property in startColumns ? newStartOrStored(name) : null),
});

function newStartOrStored(name: string): string {
  return `CASE WHEN excluded.dispatched_sequence IS NULL AND attempts.dispatched_sequence IS NOT NULL
    THEN attempts.${name} ELSE excluded.${name} END`;
}

const deadLetterColumns = {
  messageId: column(uuid, ({ message }) => message.id),
  tenant: column(identifier, ({ message }) => message.tenant),
  state: column(word, ({ state }) => state),
  userId: column(identifier, ({ message }) => message.userId),
  priority: column(word, ({ message }) => message.priority),
  model: nullable(text, ({ message }) => message.model),
  error: column(json, ({ message }) => message.error!),
  errorCode: column(text, ({ message }) => message.error?.code ?? ''),
  attempts: column(count, ({ message }) => message.attempts),
  lastAttempt: column(count, ({ message }) => message.currentAttempt),
  createdAt: column(time, ({ message }) => message.createdAt),
  deadLetteredAt: column(time, ({ message }) => message.completedAt!),
  receivedSequence: column(sequence, ({ message }) => message.receivedSequence),
  terminalSequence: column(sequence, ({ message }) => message.terminalSequence!),
  lastSequence: column(sequence, ({ sequence }) => sequence),
} satisfies Columns<DeadLetterRow>;

/** A message that failed for good, as it was then, and whether it still waits for someone to decide on it. */
export const deadLetters = new Table<DeadLetterRow, typeof deadLetterColumns>(
  'dead_letters',
  deadLetterColumns,
  {
    key: ['messageId'],
    newerBy: 'lastSequence',
    fixed: ['tenant'],
    indexes: {
      dead_letters_open: { on: ['tenant', 'deadLetteredAt', 'messageId'], where: "(state = 'open'::text)" },
    },
  },
);

const eventColumns = {
  messageId: column(uuid, (row) => row.event.subject),
  sequence: column(sequence, (row) => row.sequence),
  type: column(word, (row) => row.event.type),
  time: column(time, (row) => row.event.time),
} satisfies Columns<SequencedEvent>;

/** Where each event of a message lies in the log, so that one message's timeline needs no scan of the log. */
export const messageEvents = new Table<SequencedEvent, typeof eventColumns>('message_events', eventColumns, {
  key: ['messageId', 'sequence'],
});

export type StoredMessage = RowOf<typeof messageColumns>;
export type StoredRequest = RowOf<typeof requestColumns>;
export type StoredResult = RowOf<typeof resultColumns>;
export type StoredAttempt = RowOf<typeof attemptColumns>;
export type StoredDeadLetter = RowOf<typeof deadLetterColumns>;
