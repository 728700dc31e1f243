import { setImmediate as othersServed } from 'node:timers/promises';
import type { MessageEvent } from '../domain/message/message.events.js';
import { appendSpan } from '../log/append-span.js';
import { EventTooLargeError } from '../log/event-log.errors.js';
import { type EventLog, MAX_EVENTS_PER_APPEND } from '../log/event-log.port.js';
import { within } from '../platform/telemetry/spans.js';
import { idempotencyInProgress, type RefusedError } from './refusal.js';
import { refusedBy } from './refusal-of.js';

/** A message whose events must be stored together. */
interface NewMessage {
  readonly index: number;
  readonly events: readonly MessageEvent[];
}

export interface NotStored {
  readonly index: number;
  readonly error: RefusedError;
}

/**
 * Stores messages in as few appends as the log allows, each append whole or not at all. Never rejects.
 *
 * @param dedupeKey each append then carries a key made of this and its first message's index
 * @returns the messages that were not stored, and those of which it is not known
 */
export async function appendMessages(
  log: EventLog,
  messages: readonly NewMessage[],
  dedupeKey?: string,
): Promise<NotStored[]> {
  const appends: Promise<NotStored[]>[] = [];
  for (const group of appendGroups(messages, MAX_EVENTS_PER_APPEND)) {
    // Encoding a group takes some milliseconds. Between two groups the event loop serves other requests.
    if (appends.length > 0) await othersServed();
    appends.push(appendGroup(log, group, dedupeKey));
  }
  return (await Promise.all(appends)).flat();
}

/** Cuts many into as few appends as hold at most `maxEvents` each, in their order, and never one of them in two. */
export function appendGroups<T extends { readonly events: { readonly length: number } }>(
  items: readonly T[],
  maxEvents: number,
): T[][] {
  const groups: T[][] = [];
  let room = 0;
  for (const item of items) {
    if (groups.length === 0 || item.events.length > room) {
      groups.push([]);
      room = maxEvents;
    }
    groups[groups.length - 1]!.push(item);
    room -= item.events.length;
  }
  return groups;
}

async function appendGroup(
  log: EventLog,
  group: readonly NewMessage[],
  dedupeKey: string | undefined,
): Promise<NotStored[]> {
  const key = dedupeKey === undefined ? undefined : `${dedupeKey}:${group[0]?.index}`;
  try {
    const events = group.flatMap((message) => message.events);
    const { duplicate } = await within(appendSpan(events), () => log.append(events, { dedupeKey: key }));
    // An earlier run stored a group that begins like this one, and may have left out others than this run does. Who asks
    // once more finds what is stored.
    if (duplicate && group.length > 1)
      return group.map(({ index }) => ({ index, error: idempotencyInProgress() }));
    return [];
  } catch (error) {
    // The broker takes less in one message than we do: only those that are too large must fail for it.
    if (error instanceof EventTooLargeError && group.length > 1) return appendHalves(log, group, dedupeKey);
    return group.map(({ index }) => ({ index, error: refusedBy(error) }));
  }
}

async function appendHalves(
  log: EventLog,
  group: readonly NewMessage[],
  dedupeKey: string | undefined,
): Promise<NotStored[]> {
  const middle = Math.ceil(group.length / 2);
  const halves = [group.slice(0, middle), group.slice(middle)];
  return (await Promise.all(halves.map((half) => appendGroup(log, half, dedupeKey)))).flat();
}
