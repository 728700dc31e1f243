import { isMessageEvent, type LogEvent, type WrittenEvent } from '../../domain/log-event.events.js';
import { type EventLog, type StoredEvent, written } from '../../log/event-log.port.js';
import { jsonLine } from '../../platform/json/json-line.js';
import type { EventIndex } from '../../projection/read/event-index.js';
import { type EventFilter, matches, matchesOwner } from './event-filter.policy.js';
import { lastEventUpTo, readEvents, sequenceAtTime, TIME_SLACK_MS } from './log-reads.js';
import { MessageOwners } from './message-owners.js';

export interface FeedSource {
  readonly log: EventLog;
  readonly index: EventIndex;
  /** Resolves when the projection has this sequence, or rejects when it takes too long. */
  readonly projectedUpTo: (sequence: number) => Promise<void>;
}

export interface FeedRange {
  /** Begin behind this sequence; 0 for the beginning. */
  readonly after: number;
  /** Go on with live events behind the log's end, until the signal aborts. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

export interface FeedBatch {
  readonly events: readonly StoredEvent[];
  /** Everything up to here was examined. A reader that goes on later gives it as `after`. */
  readonly upTo: number;
}

const MAX_BATCH = 500;

/**
 * The events that match the filter, in the order of the log. The log's reader bounds how far it reads ahead; it stops
 * while the consumer has not taken the last batch.
 *
 * @throws what `projectedUpTo` rejects with, and what `EventLog.read` throws
 */
export async function* eventFeed(
  source: FeedSource,
  filter: EventFilter,
  range: FeedRange,
): AsyncGenerator<FeedBatch> {
  const lastSequence = await source.log.lastSequence();
  if (filter.messageId !== undefined && !range.follow) {
    yield* ofOneMessage(source, { ...filter, messageId: filter.messageId }, range, lastSequence);
    return;
  }
  const from = await firstSequence(source.log, filter, range.after);
  const target = range.follow ? Number.POSITIVE_INFINITY : await lastEventUpTo(source.log, lastSequence);
  if (from <= target) yield* walk(source, filter, range, from, target);
  if (!range.follow) yield { events: [], upTo: Math.max(lastSequence, range.after) };
}

async function firstSequence(log: EventLog, { from }: EventFilter, after: number): Promise<number> {
  return from === undefined ? after + 1 : Math.max(after + 1, await sequenceAtTime(log, from));
}

async function* walk(
  source: FeedSource,
  filter: EventFilter,
  { signal }: FeedRange,
  from: number,
  target: number,
): AsyncGenerator<FeedBatch> {
  const owners = new MessageOwners(source.index, source.projectedUpTo);
  for await (const batch of source.log.read(from, { signal, maxBatch: MAX_BATCH })) {
    const inRange = written(batch.filter(({ sequence }) => sequence <= target));
    const upTo = batch[batch.length - 1]!.sequence;
    yield { events: await wanted(inRange, filter, owners), upTo: Math.min(upTo, target) };
    if (upTo >= target || isPast(filter, batch[0]!.event)) return;
  }
}

/** An event that is so much later than the filter's end: no event after it can match. */
function isPast({ to }: EventFilter, event: LogEvent): boolean {
  return to !== undefined && Date.parse(event.time) >= Date.parse(to) + TIME_SLACK_MS;
}

async function wanted(
  events: readonly StoredEvent<WrittenEvent>[],
  filter: EventFilter,
  owners: MessageOwners,
): Promise<StoredEvent[]> {
  const byOwner = filter.userId !== undefined || filter.conversationId !== undefined;
  if (!byOwner) return events.filter(({ event }) => matches(filter, event) === 'yes');
  // Owners are learned from every reception, also of messages that do not match: later events then need no query.
  const ownerOf = await owners.of(events.filter(({ event }) => ofTenant(filter, event)));
  return events.filter(({ event }) => {
    const answer = matches(filter, event);
    if (answer !== 'ask_owner') return answer === 'yes';
    const owner = ownerOf.get(event.subject);
    return owner !== undefined && matchesOwner(filter, owner);
  });
}

function ofTenant({ tenant }: EventFilter, event: LogEvent): boolean {
  return isMessageEvent(event) && (tenant === undefined || event.tenant === tenant);
}

/** Uses the index of events and does not read the rest of the log. */
async function* ofOneMessage(
  source: FeedSource,
  filter: EventFilter & { readonly messageId: string },
  range: FeedRange,
  lastSequence: number,
): AsyncGenerator<FeedBatch> {
  await source.projectedUpTo(await lastEventUpTo(source.log, lastSequence));
  const owners = new MessageOwners(source.index, source.projectedUpTo);
  for (let after = range.after; ; ) {
    const sequences = await source.index.ofMessage(filter.messageId, after, MAX_BATCH);
    const upTo = sequences.length < MAX_BATCH ? Math.max(lastSequence, range.after) : sequences.at(-1)!;
    const events = await readEvents(source.log, sequences);
    yield { events: await wanted(events, filter, owners), upTo };
    if (sequences.length < MAX_BATCH || range.signal.aborted) return;
    after = upTo;
  }
}

/** One line of NDJSON: `{"sequence":7,"event":{...}}`, the event as CloudEvents writes it. */
export function eventLine({ sequence, event }: StoredEvent): string {
  return `${jsonLine({ sequence, event })}\n`;
}

/** The last line. It says where a reader can go on: `{"end":{"after":9}}`. */
export function endLine(after: number): string {
  return `${jsonLine({ end: { after } })}\n`;
}
