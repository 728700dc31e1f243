import { isAdminEvent, isConversationEvent, isErasureEvent } from '../domain/log-event.events.js';
import { AnnouncedErasures } from './announced-erasures.js';
import type { EventKind, EventLog, StoredEvent } from './event-log.port.js';
import { streamSequenceOf } from './log-position.js';
import { inFirstOnly, type Ordered, RecordList, type RecordRange } from './record-ranges.policy.js';

const KINDS = [
  'conversation.erasure-begun',
  'conversation.erasure-finished',
  'erasure.begun',
  'erasure.finished',
  'admin.log-loss-accepted',
] as const satisfies readonly EventKind[];

const MAX_BATCH = 1_000;
/** A record that the broker counts and can't deliver must not hold up a start: nothing comes then. */
const SILENT_MS = 10_000;

/**
 * What the log itself says of records that it does not hold: an erasure named them before it took them out
 * (docs/adr/0012), or a person went on without them. Whatever else is missing was lost.
 */
export class ExplainedGaps {
  private erasures = new AnnouncedErasures();
  private accepted = new RecordList();
  private acceptances = 0;
  private explained: RecordList | null = null;
  private upTo = 0;

  /** Whether a person ever let the tables be built from a log that had lost records. */
  get hasAcceptedLoss(): boolean {
    return this.acceptances > 0;
  }

  /** Those of these missing records that nothing explains. Ask `refresh` for what was said since, before. */
  unexplained(missing: Ordered): RecordRange[] {
    this.explained ??= this.everyExplained();
    return [...inFirstOnly(missing, this.explained)];
  }

  /** The same for one gap, of which there may be many. */
  unexplainedIn(gap: RecordRange): RecordRange[] {
    this.explained ??= this.everyExplained();
    return [...inFirstOnly([gap], this.explained.endingFrom(gap.from))];
  }

  /**
   * Reads what was said since the last time. What was missing before this call is explained after it, if at all: an
   * erasure names its records first.
   */
  async refresh(log: EventLog, signal: AbortSignal): Promise<void> {
    // Of a majority: a server that was cut off would look like another, shorter log.
    const { lastSequence: end } = await log.extent();
    if (end < this.upTo) this.forget();
    const read = await Promise.all(KINDS.map((kind) => eventsOf(log, kind, this.upTo + 1, signal)));
    const upToEnd = read.flat().filter(({ sequence }) => sequence <= end);
    // An erasure that ends without having named its records is one of an earlier version: the order counts.
    for (const stored of upToEnd.sort((one, other) => one.sequence - other.sequence)) this.take(stored);
    if (!signal.aborted) this.upTo = end;
  }

  private everyExplained(): RecordList {
    const all = new RecordList();
    for (const list of [this.erasures.named(), this.accepted])
      for (const { from, to } of list) all.add(from, to);
    return all.merged();
  }

  private take({ event }: StoredEvent): void {
    this.explained = null;
    if (isConversationEvent(event) || isErasureEvent(event)) this.erasures.event(event);
    if (!isAdminEvent(event) || event.type !== 'llmq.admin.log-loss-accepted.v1') return;
    this.acceptances += 1;
    for (const [first, last] of event.data.sequences) {
      this.accepted.add(streamSequenceOf(first), streamSequenceOf(last));
    }
  }

  /** The log is shorter than it was: another one may have taken its place. */
  private forget(): void {
    this.explained = null;
    this.erasures = new AnnouncedErasures();
    this.accepted = new RecordList();
    this.acceptances = 0;
    this.upTo = 0;
  }
}

async function eventsOf(
  log: EventLog,
  only: EventKind,
  from: number,
  signal: AbortSignal,
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  const last = await log.lastSequence(only);
  if (last < from) return events;
  const silent = new AbortController();
  const silence = setTimeout(() => silent.abort(), SILENT_MS);
  const within = AbortSignal.any([signal, silent.signal]);
  try {
    for await (const batch of log.read(from, { only, signal: within, maxBatch: MAX_BATCH })) {
      silence.refresh();
      events.push(...batch);
      if (events[events.length - 1]!.sequence >= last) break;
    }
  } finally {
    clearTimeout(silence);
  }
  return events;
}
