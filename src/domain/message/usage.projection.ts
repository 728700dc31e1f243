import type { ConversationEventOf } from '../conversation/conversation.events.js';
import type { Accounting, MessageCompleted } from './message.events.js';
import type { MessageState } from './message.state.js';

/** Of whom, and when: what usage is added up by. */
export interface UsageKey {
  /** The hour in which the message was completed, ISO 8601 in UTC. */
  readonly hour: string;
  readonly tenant: string;
  readonly userId: string;
  /** Empty for summaries, and where the message was received before keys were recorded. */
  readonly keyName: string;
  readonly model: string;
  readonly endpoint: string;
}

/** What came to one key's sums. */
export interface UsageRow extends UsageKey {
  readonly messages: number;
  /** Summaries of conversations. */
  readonly summaries: number;
  /** Of these messages and summaries, whose tokens the service counted itself. */
  readonly estimated: number;
  /** Whose tokens nobody knows. */
  readonly unmetered: number;
  /** Whose cost nobody knows. */
  readonly unpriced: number;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly costNanos: number;
}

/**
 * What a completed message used: by its accounting, or for one from before there was any by what the endpoint told.
 * Only for the terminal event that counts, so that each message is counted once.
 */
export function usageOf({ tenant, userId, keyName }: MessageState, event: MessageCompleted): UsageRow {
  const { data, time } = event;
  const used = accountingIn(event);
  const { endpoint } = data;
  const model = used?.model ?? data.model;
  return rowOf(used, { hour: hourOf(time), tenant, userId, keyName: keyName ?? '', model, endpoint }, 1, 0);
}

/** What a summary used; nobody asked for it with a key. Null for one from before they were accounted for. */
export function usageOfSummary(
  userId: string | null,
  { tenant, time, data }: ConversationEventOf<'llmq.conversation.summarized.v1'>,
): UsageRow | null {
  const { accounting, endpoint } = data;
  if (accounting == null) return null;
  const key = { hour: hourOf(time), tenant, userId: userId ?? '', keyName: '' };
  return rowOf(accounting, { model: accounting.model, endpoint: endpoint ?? '', ...key }, 0, 1);
}

/** Field by field, and so is what adds up: it is made for each message. */
function rowOf(used: Accounting | null, key: UsageKey, messages: number, summaries: number): UsageRow {
  return {
    hour: key.hour,
    tenant: key.tenant,
    userId: key.userId,
    keyName: key.keyName,
    model: key.model,
    endpoint: key.endpoint,
    messages,
    summaries,
    estimated: used?.estimated === true ? 1 : 0,
    unmetered: used === null ? 1 : 0,
    unpriced: used?.cost_nanos == null ? 1 : 0,
    inputTokens: used?.input_tokens ?? 0,
    cachedTokens: used?.cached_tokens ?? 0,
    outputTokens: used?.output_tokens ?? 0,
    reasoningTokens: used?.reasoning_tokens ?? 0,
    costNanos: used?.cost_nanos ?? 0,
  };
}

/** To be added where a row is to be taken back. */
export function takenBack(row: UsageRow): UsageRow {
  return {
    ...row,
    messages: 0 - row.messages,
    summaries: 0 - row.summaries,
    estimated: 0 - row.estimated,
    unmetered: 0 - row.unmetered,
    unpriced: 0 - row.unpriced,
    inputTokens: 0 - row.inputTokens,
    cachedTokens: 0 - row.cachedTokens,
    outputTokens: 0 - row.outputTokens,
    reasoningTokens: 0 - row.reasoningTokens,
    costNanos: 0 - row.costNanos,
  };
}

export function accountingIn({ data }: MessageCompleted): Accounting | null {
  if (data.accounting != null) return data.accounting;
  if (data.usage === null) return null;
  const { prompt_tokens, completion_tokens } = data.usage;
  return {
    model: data.model,
    estimated: false,
    input_tokens: prompt_tokens,
    output_tokens: completion_tokens,
    cached_tokens: null,
    reasoning_tokens: null,
    price: null,
    cost_nanos: null,
  };
}

/** Adds a row to those with its key. */
export function addUsage(rows: Map<string, UsageRow>, row: UsageRow, key = usageKey(row)): void {
  const sum = rows.get(key);
  rows.set(key, sum === undefined ? row : added(sum, row));
}

export function usageKey({ hour, tenant, userId, keyName, model, endpoint }: UsageKey): string {
  // None of them holds NUL, which PostgreSQL has in no text.
  return `${hour}\0${tenant}\0${userId}\0${keyName}\0${model}\0${endpoint}`;
}

function added(one: UsageRow, other: UsageRow): UsageRow {
  return {
    hour: one.hour,
    tenant: one.tenant,
    userId: one.userId,
    keyName: one.keyName,
    model: one.model,
    endpoint: one.endpoint,
    messages: one.messages + other.messages,
    summaries: one.summaries + other.summaries,
    estimated: one.estimated + other.estimated,
    unmetered: one.unmetered + other.unmetered,
    unpriced: one.unpriced + other.unpriced,
    inputTokens: one.inputTokens + other.inputTokens,
    cachedTokens: one.cachedTokens + other.cachedTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    reasoningTokens: one.reasoningTokens + other.reasoningTokens,
    costNanos: one.costNanos + other.costNanos,
  };
}

const WHOLE = '2026-01-01T00:00:00.000Z'.length;

function hourOf(time: string): string {
  // As `Date.toISOString` writes it, which is how nearly all events have it.
  const whole = time.length === WHOLE && time.endsWith('Z') ? time : new Date(time).toISOString();
  return `${whole.slice(0, 13)}:00:00.000Z`;
}
