import { type TraceContext, traceOf } from '../trace-context.policy.js';
import { isUuid } from '../uuid.policy.js';
import type { Callback, WebhookOutcome, WebhookType } from '../webhook/callback.events.js';
import { isTerminal, type MessageEvent, type MessageEventOf, type TerminalEvent } from './message.events.js';
import type { MessageState } from './message.state.js';

/** A webhook: what became of telling its receiver about one end of a message. Times are ISO 8601 in UTC. */
export interface WebhookRow {
  readonly messageId: string;
  /** Of the terminal event. */
  readonly id: string;
  readonly tenant: string;
  /** Of the API key of its message, whose secrets sign it. */
  readonly keyName: string | null;
  readonly type: WebhookType;
  readonly callback: Callback;
  /** That of the terminal event, which every try goes on with; null where there is none. */
  readonly trace: TraceContext | null;
  /** When its message ended. */
  readonly createdAt: string;
  readonly status: 'waiting' | 'delivered' | 'failed';
  readonly round: number;
  /** Of this round. */
  readonly tries: number;
  readonly lastTriedAt: string | null;
  /** Null once it has ended. */
  readonly nextTryAt: string | null;
  readonly endedAt: string | null;
  readonly reason: string | null;
  readonly httpStatus: number | null;
  /**
   * Rises from step to step. Of two rows the one with more counts, and of two with as much the first: so of two processes
   * that told of the same try, or of an end, the first one counts, whatever batches the log is cut into.
   */
  readonly progress: number;
}

/** Which step a webhook has reached: its round, the tries in there, and their end behind all of them. */
export function progressOf({ status, round, tries }: Pick<WebhookRow, 'status' | 'round' | 'tries'>): number {
  return round * STEPS + (status === 'waiting' ? Math.min(tries, STEPS - 2) : STEPS - 1);
}

const STEPS = 2 ** 16;

/**
 * The row that an event gives; null where it is about no webhook.
 *
 * @param before the state of its message before the event, and `after` behind it
 */
export function webhookRow(
  before: MessageState | null,
  after: MessageState,
  event: MessageEvent,
  sequence: number,
): WebhookRow | null {
  const { callback } = after;
  if (callback === null) return null;
  if (event.type === 'llmq.message.webhook-tried.v1') return triedRow(after, callback, event);
  if (event.type === 'llmq.message.webhook-wanted.v1') return wantedRow(after, callback, event);
  const ends = after !== before && after.terminalSequence === sequence && isTerminal(event);
  return ends && isUuid(event.id) ? begunRow(after, callback, event) : null;
}

/** Adds a row to those of the same batch. Its trace is the first one's, as in the table: an older process tells of none. */
export function mergeWebhook(rows: Map<string, WebhookRow>, row: WebhookRow): void {
  const earlier = rows.get(row.id);
  if (earlier === undefined) rows.set(row.id, row);
  else if (earlier.progress < row.progress) rows.set(row.id, { ...row, trace: earlier.trace });
}

const TYPES: Readonly<Record<TerminalEvent['type'], WebhookType>> = {
  'llmq.message.completed.v1': 'message.completed',
  'llmq.message.dead-lettered.v1': 'message.failed',
  'llmq.message.cancelled.v1': 'message.cancelled',
  'llmq.message.expired.v1': 'message.expired',
};

function begunRow(message: MessageState, callback: Callback, event: TerminalEvent): WebhookRow {
  const { id, type, time } = event;
  return waitingRow(message, callback, { id, type: TYPES[type], ended_at: time, round: 1 }, event);
}

function wantedRow(
  message: MessageState,
  callback: Callback,
  event: MessageEventOf<'llmq.message.webhook-wanted.v1'>,
): WebhookRow {
  return waitingRow(message, callback, event.data.webhook, event);
}

type WebhookNote = MessageEventOf<'llmq.message.webhook-wanted.v1'>['data']['webhook'];

/** To be tried at once. */
function waitingRow(
  message: MessageState,
  callback: Callback,
  webhook: WebhookNote,
  event: MessageEvent,
): WebhookRow {
  const step = { status: 'waiting', round: webhook.round, tries: 0 } as const;
  return {
    ...fixed(message, callback, webhook, event),
    ...step,
    ...{ lastTriedAt: null, nextTryAt: event.time, endedAt: null, reason: null, httpStatus: null },
    progress: progressOf(step),
  };
}

const STATUSES: Readonly<Record<WebhookOutcome, WebhookRow['status']>> = {
  delivered: 'delivered',
  retrying: 'waiting',
  failed: 'failed',
};

function triedRow(
  message: MessageState,
  callback: Callback,
  event: MessageEventOf<'llmq.message.webhook-tried.v1'>,
): WebhookRow {
  const { data, time } = event;
  const { webhook, tries, outcome, reason, status: httpStatus, next_try_at: nextTryAt } = data;
  const step = { status: STATUSES[outcome], round: webhook.round, tries };
  return {
    ...fixed(message, callback, webhook, event),
    ...step,
    ...{ lastTriedAt: time, nextTryAt, endedAt: outcome === 'retrying' ? null : time, reason, httpStatus },
    progress: progressOf(step),
  };
}

function fixed(
  { id: messageId, tenant, keyName }: MessageState,
  callback: Callback,
  { id, type, ended_at: createdAt }: WebhookNote,
  event: MessageEvent,
) {
  const trace = event.traceparent === undefined ? null : traceOf(event);
  return { messageId, id, tenant, keyName, type, callback, trace, createdAt };
}
