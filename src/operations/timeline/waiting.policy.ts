import { assertNever } from '../../domain/assert-never.js';
import { isOfWebhook, type MessageEvent } from '../../domain/message/message.events.js';
import { durationWords } from './words.policy.js';

/** What a message waited for, and for how long, in milliseconds. */
export interface WaitPart {
  readonly forWhat: string;
  readonly ms: number;
}

/** The waiting of one message between two calls, as far as its events tell. */
export interface Waiting {
  readonly parts: readonly WaitPart[];
  /** What it waits for now and since when (ISO 8601); null while a call runs, and after the end. */
  readonly now: { readonly forWhat: string; readonly since: string } | null;
}

export const NOT_WAITING: Waiting = { parts: [], now: null };

/** The waiting after an event, which ends the present wait and may begin another one. */
export function waitingAfter(waiting: Waiting, event: MessageEvent): Waiting {
  if (isOfWebhook(event)) return waiting;
  const parts = waiting.now === null ? waiting.parts : [...waiting.parts, partUntil(waiting.now, event.time)];
  const next = waitsNowFor(event);
  return next === null ? NOT_WAITING : { parts, now: { forWhat: next, since: event.time } };
}

/** The parts up to and including the event that ends the waiting, those of the same kind added up. */
export function waitedUntil(waiting: Waiting, event: MessageEvent): WaitPart[] {
  const all = waiting.now === null ? waiting.parts : [...waiting.parts, partUntil(waiting.now, event.time)];
  const sums = new Map<string, number>();
  for (const { forWhat, ms } of all) sums.set(forWhat, (sums.get(forWhat) ?? 0) + ms);
  return [...sums].map(([forWhat, ms]) => ({ forWhat, ms })).filter(({ ms }) => ms > 0);
}

export function waitWords(parts: readonly WaitPart[]): string {
  return parts.map(({ forWhat, ms }) => `${durationWords(ms)} ${forWhat}`).join(', ');
}

function partUntil(now: { readonly forWhat: string; readonly since: string }, time: string): WaitPart {
  return { forWhat: now.forWhat, ms: Math.max(0, Date.parse(time) - Date.parse(now.since)) };
}

function waitsNowFor(event: MessageEvent): string | null {
  switch (event.type) {
    case 'llmq.message.received.v1':
      return 'to be put into a lane';
    case 'llmq.message.prioritized.v1':
      return `for a free place in lane ${event.data.priority}`;
    case 'llmq.message.scheduled.v1':
      return event.data.reason === 'retry' ? 'until its next attempt was due' : 'until it was due';
    case 'llmq.message.held.v1':
      return `for turn ${event.data.behind} to end`;
    case 'llmq.message.attempt-failed.v1':
      return 'for the next step after the failure';
    case 'llmq.message.deferred.v1':
      return 'for an endpoint that takes it';
    case 'llmq.message.requeued.v1':
      return 'to be put back into its lane';
    case 'llmq.message.dispatched.v1':
    case 'llmq.message.rerouted.v1':
    case 'llmq.message.completed.v1':
    case 'llmq.message.dead-lettered.v1':
    case 'llmq.message.dead-letter-discarded.v1':
    case 'llmq.message.cancelled.v1':
    case 'llmq.message.expired.v1':
    case 'llmq.message.content-erased.v1':
    case 'llmq.message.webhook-tried.v1':
    case 'llmq.message.webhook-wanted.v1':
      return null;
    default:
      return assertNever(event);
  }
}
