import { type AnsweredChoice, choicesOf } from './answered-choices.policy.js';
import { keptEvents } from './erase-content.decision.js';
import type {
  Accounting,
  Analysis,
  AttemptError,
  HistoryNote,
  MessageAttemptFailed,
  MessageCompleted,
  MessageContentErased,
  MessageDeferred,
  MessageDispatched,
  MessageEvent,
  MessageReceived,
  Usage,
} from './message.events.js';
import { errorOfDeferral, evolve, type MessageState } from './message.state.js';
import { accountingIn, addUsage, type UsageRow, usageOf } from './usage.projection.js';
import { mergeWebhook, type WebhookRow, webhookRow } from './webhook.projection.js';

/** An event and its position in the log. */
export interface SequencedEvent {
  readonly sequence: number;
  readonly event: MessageEvent;
}

/** What was asked: written once, by the first `received` of a message; only its analysis may come later. */
export interface RequestRow {
  readonly messageId: string;
  readonly sequence: number;
  readonly event: MessageReceived;
  /** Where its conversation counts it, if that is not where it was received. */
  readonly countedAt?: number;
  /** The first that was recorded, where it was among the same events. */
  analysis?: Analysis;
}

/** The analysis of a request that is stored already; it counts where none is there. */
export interface AnalysisRow {
  readonly messageId: string;
  readonly analysis: Analysis;
}

/** A turn of a conversation that stands at another place in its order from here on. */
export interface TurnMove {
  readonly messageId: string;
  readonly turnSequence: number;
}

/** One of several answers to one request. */
export interface AnswerChoice {
  readonly index: number;
  readonly message: AnsweredChoice['message'];
  readonly finish_reason: string;
}

/** The answer that counts. A message requeued and answered again has a new one in its place. */
export interface ResultRow {
  readonly messageId: string;
  readonly sequence: number;
  readonly attempt: number;
  readonly delivery: number;
  readonly answer: { readonly content: string | null } & Record<string, unknown>;
  readonly finishReason: string | null;
  /** Behind the first, where there are more; null where there is one. */
  readonly otherChoices: readonly AnswerChoice[] | null;
  readonly model: string;
  readonly endpoint: string;
  readonly usage: Usage | null;
  /** What it used and cost; null where nothing is known of it. */
  readonly accounting: Accounting | null;
  readonly queueMs: number;
  readonly firstTokenMs: number | null;
  readonly totalMs: number;
  readonly history: HistoryNote | null;
}

/** How a call began. */
export interface AttemptStart {
  readonly sequence: number;
  readonly worker: string;
  readonly endpoint: string;
  readonly endpointReason: string;
  readonly model: string;
  readonly waitedMs: number;
  readonly startedAt: string;
}

/** How a call ended, whether or not it was the one that counted. */
export interface AttemptEnd {
  readonly outcome: 'completed' | 'failed' | 'deferred';
  /** Null when the attempt failed before an endpoint was chosen. */
  readonly endpoint: string | null;
  readonly error: AttemptError | null;
  readonly chunksDelivered: number | null;
  readonly nextRetryAt: string | null;
  readonly endedAt: string;
}

/**
 * One call to a model, as far as the folded events tell it. `start` is null where these events hold only the end:
 * then the start that an earlier batch stored stays. With a start, the row replaces what was stored under its key.
 */
export interface AttemptRow {
  readonly messageId: string;
  readonly attempt: number;
  readonly delivery: number;
  readonly start: AttemptStart | null;
  readonly end: AttemptEnd | null;
  /** The last event that this row holds. */
  readonly sequence: number;
}

/** The rows that a run of events adds or changes; each row at most once. */
export interface ProjectedRows {
  readonly messages: ReadonlyMap<string, MessageState>;
  readonly requests: readonly RequestRow[];
  readonly analyses: ReadonlyMap<string, AnalysisRow>;
  /** Of requests that are stored already, or among the same events. */
  readonly turnMoves: ReadonlyMap<string, TurnMove>;
  readonly results: ReadonlyMap<string, ResultRow>;
  readonly attempts: ReadonlyMap<string, AttemptRow>;
  readonly deadLetters: ReadonlyMap<string, DeadLetterRow>;
  /** By their ids. */
  readonly webhooks: ReadonlyMap<string, WebhookRow>;
  /** To be added to what is stored, under `usageKey`. */
  readonly usage: ReadonlyMap<string, UsageRow>;
  readonly events: readonly SequencedEvent[];
}

/** A message that failed for good, and what became of that. A message has one at most: the newest. */
export interface DeadLetterRow {
  readonly state: 'open' | 'requeued' | 'discarded';
  /** As it was when it failed. */
  readonly message: MessageState;
  /** The last event that this row holds. */
  readonly sequence: number;
}

/**
 * Folds events into rows. `known` holds the state of every message that was there before and occurs in `events`.
 * How the log is cut into batches makes no difference to the rows that result.
 *
 * @throws {OrphanEventError} for an event of a message that was never received
 */
export function project(
  known: ReadonlyMap<string, MessageState>,
  events: readonly SequencedEvent[],
): ProjectedRows {
  const messages = new Map<string, MessageState>();
  const requests = new Map<string, RequestRow>();
  const analyses = new Map<string, AnalysisRow>();
  const turnMoves = new Map<string, TurnMove>();
  const results = new Map<string, ResultRow>();
  const attempts = new Map<string, AttemptRow>();
  const deadLetters = new Map<string, DeadLetterRow>();
  const webhooks = new Map<string, WebhookRow>();
  const usage = new Map<string, UsageRow>();
  for (const { event, sequence } of events) {
    const id = event.subject;
    const before = messages.get(id) ?? known.get(id) ?? null;
    if (before === null && event.type === 'llmq.message.content-erased.v1') {
      const left = whatIsLeft(event, sequence);
      for (const [key, state] of left.messages) messages.set(key, state);
      for (const request of left.requests) requests.set(id, request);
      for (const [key, move] of left.turnMoves) turnMoves.set(key, move);
      for (const [key, result] of left.results) results.set(key, result);
      for (const [key, attempt] of left.attempts) attempts.set(key, attempt);
      for (const [key, letter] of left.deadLetters) deadLetters.set(key, letter);
      for (const webhook of left.webhooks.values()) mergeWebhook(webhooks, webhook);
      for (const row of left.usage.values()) addUsage(usage, row);
      continue;
    }
    const after = evolve(before, event, sequence);
    if (after !== before) messages.set(id, after);
    if (before === null && event.type === 'llmq.message.received.v1') {
      requests.set(id, { messageId: id, sequence, event });
    }
    keepAnalysis(requests, analyses, event);
    if (before !== null && after.turnSequence !== before.turnSequence) {
      turnMoves.set(id, { messageId: id, turnSequence: after.turnSequence });
    }
    const result = countedResult(after, event, sequence);
    if (result !== null) results.set(id, result);
    if (result !== null) addUsage(usage, usageOf(after, event as MessageCompleted));
    const deadLetter = deadLetterRow(before, after, event, sequence);
    if (deadLetter !== null) deadLetters.set(id, deadLetter);
    const webhook = webhookRow(before, after, event, sequence);
    if (webhook !== null) mergeWebhook(webhooks, webhook);
    const attempt = attemptRow(event, sequence);
    if (attempt !== null) mergeAttempt(attempts, attemptKey(attempt), attempt);
  }
  const rows = { messages, analyses, turnMoves, results, attempts, deadLetters, webhooks, usage, events };
  return { ...rows, requests: [...requests.values()] };
}

/** As its events would give them, and counted where the erasure of its content is. There is nothing left to requeue. */
function whatIsLeft(event: MessageContentErased, sequence: number): ProjectedRows {
  const { messages, requests, deadLetters, ...rows } = project(new Map(), keptEvents(event));
  return {
    ...rows,
    messages: new Map([...messages].map(([id, state]) => [id, { ...state, lastSequence: sequence }])),
    requests: requests.map((request) => ({ ...request, countedAt: sequence })),
    deadLetters: new Map(
      [...deadLetters].map(([id, { message, state }]) => [
        id,
        { message, sequence, state: state === 'open' ? 'discarded' : state },
      ]),
    ),
  };
}

/** It comes right behind its request, so that nearly always both are in one batch and one row. */
function keepAnalysis(
  requests: ReadonlyMap<string, RequestRow>,
  analyses: Map<string, AnalysisRow>,
  event: MessageEvent,
): void {
  const analysis = 'analysis' in event.data ? event.data.analysis : null;
  if (analysis == null) return;
  const messageId = event.subject;
  const request = requests.get(messageId);
  if (request !== undefined) request.analysis ??= analysis;
  else if (!analyses.has(messageId)) analyses.set(messageId, { messageId, analysis });
}

function deadLetterRow(
  before: MessageState | null,
  after: MessageState,
  event: MessageEvent,
  sequence: number,
): DeadLetterRow | null {
  if (event.type === 'llmq.message.dead-lettered.v1' && after.terminalSequence === sequence) {
    return { state: 'open', message: after, sequence };
  }
  if (before?.status !== 'failed') return null;
  if (event.type === 'llmq.message.requeued.v1') return { state: 'requeued', message: before, sequence };
  if (event.type === 'llmq.message.dead-letter-discarded.v1') {
    return { state: 'discarded', message: before, sequence };
  }
  return null;
}

/** The terminal event that counts is the one the state names; answers that came after it are in the log only. */
function countedResult(state: MessageState, event: MessageEvent, sequence: number): ResultRow | null {
  if (event.type !== 'llmq.message.completed.v1' || state.terminalSequence !== sequence) return null;
  const { data } = event;
  return {
    messageId: event.subject,
    sequence,
    attempt: data.attempt,
    delivery: data.delivery,
    answer: data.answer,
    finishReason: data.finish_reason,
    otherChoices: otherChoicesOf(event),
    model: data.model,
    endpoint: data.endpoint,
    usage: data.usage,
    accounting: accountingIn(event),
    queueMs: data.queue_ms,
    firstTokenMs: data.first_token_ms,
    totalMs: data.total_ms,
    history: data.history ?? null,
  };
}

function otherChoicesOf(event: MessageCompleted): ResultRow['otherChoices'] {
  // Nearly all answers are one.
  if (event.data.extra?.['choices'] === undefined) return null;
  const others = choicesOf(event).slice(1);
  if (others.length === 0) return null;
  return others.map(({ index, message, finish_reason }) => ({ index, message, finish_reason }));
}

function attemptRow(event: MessageEvent, sequence: number): AttemptRow | null {
  switch (event.type) {
    case 'llmq.message.dispatched.v1':
      return rowOf(event.subject, event.data, sequence, startOf(event, sequence), null);
    case 'llmq.message.attempt-failed.v1':
      return rowOf(event.subject, event.data, sequence, null, failureOf(event));
    case 'llmq.message.deferred.v1':
      return rowOf(event.subject, event.data, sequence, null, deferralOf(event));
    case 'llmq.message.completed.v1':
      return rowOf(event.subject, event.data, sequence, null, successOf(event));
    default:
      return null;
  }
}

function rowOf(
  messageId: string,
  { attempt, delivery }: { readonly attempt: number; readonly delivery: number },
  sequence: number,
  start: AttemptStart | null,
  end: AttemptEnd | null,
): AttemptRow {
  return { messageId, attempt, delivery, start, end, sequence };
}

function startOf({ data, time }: MessageDispatched, sequence: number): AttemptStart {
  return {
    sequence,
    worker: data.worker,
    endpoint: data.endpoint,
    endpointReason: data.endpoint_reason,
    model: data.model,
    waitedMs: data.waited_ms,
    startedAt: time,
  };
}

function failureOf({ data, time }: MessageAttemptFailed): AttemptEnd {
  return {
    outcome: 'failed',
    endpoint: data.endpoint,
    error: data.error,
    chunksDelivered: data.chunks_delivered,
    nextRetryAt: data.next_retry_at,
    endedAt: time,
  };
}

function deferralOf({ data, time }: MessageDeferred): AttemptEnd {
  return {
    outcome: 'deferred',
    endpoint: data.endpoint,
    error: errorOfDeferral(data),
    chunksDelivered: null,
    nextRetryAt: null,
    endedAt: time,
  };
}

function successOf({ data, time }: MessageCompleted): AttemptEnd {
  return {
    outcome: 'completed',
    endpoint: data.endpoint,
    error: null,
    chunksDelivered: null,
    nextRetryAt: null,
    endedAt: time,
  };
}

/** A start opens the row anew, an end is added to it: what the database does with a stored row, done within a batch. */
export function mergeAttempt(attempts: Map<string, AttemptRow>, key: string, row: AttemptRow): void {
  const earlier = attempts.get(key);
  const start = row.start ?? earlier?.start ?? null;
  attempts.set(key, start === row.start ? row : rowOf(row.messageId, row, row.sequence, start, row.end));
}

function attemptKey({ messageId, attempt, delivery }: AttemptRow): string {
  return `${messageId} ${attempt} ${delivery}`;
}
