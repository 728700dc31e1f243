import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import type { EventContext, MessageEvent, MessageReceived } from '../../domain/message/message.events.js';
import { discard, requeue } from '../../domain/message/requeue.decision.js';
import { type TraceContext, traceOf, UNTRACED } from '../../domain/trace-context.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { spanIn, traceBehind, within } from '../../platform/telemetry/spans.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import {
  type AttemptView,
  type DeadLetter,
  type DeadLetterFilter,
  DeadLetterReader,
} from '../../projection/read/dead-letter-reader.js';
import type { Page, PageOrder } from '../../projection/read/page.js';
import { ProjectionBehindError } from '../../projection/read/projection-behind.error.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';

/** Messages that are requeued at once: the events of a page share a few writes of the log. */
const PAGE = 500;
/** Of one request: those past their deadlines are looked at, and stay. */
const MOST_PAGES = 100;

/** Why an admin wants it, and the trace that the wish is in. */
export interface RequeueWish {
  readonly reason: string;
  readonly trace: TraceContext;
}

export interface Requeued {
  readonly requeued: number;
  /** Their deadline has passed: they would expire instead of being run, so they stay dead letters. */
  readonly pastDeadline: number;
  /** The filter matches more than these: call again. */
  readonly more: boolean;
}

/**
 * The commands of admins on messages that failed for good. Each command is an event of the message. However often it is
 * given, the event is stored once for each failure: the projection says whether the message is still a dead letter, and
 * until the projection knows, the deduplication key of the append refuses a second one.
 */
@Injectable()
export class DeadLetters {
  constructor(
    @Inject(DeadLetterReader) private readonly reader: DeadLetterReader,
    @Inject(ProjectionPosition) private readonly position: ProjectionPosition,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  /** @throws {InvalidCursorError} */
  list(
    filter: DeadLetterFilter,
    order: PageOrder,
    limit: number,
    cursor: string | null,
  ): Promise<Page<DeadLetter>> {
    return this.reader.list(filter, order, limit, cursor);
  }

  /**
   * With everything that is in the log now; null if the tenant has no such dead letter.
   *
   * @throws {ProjectionBehindError} {LogUnavailableError} where none is seen, and the end of the log is not reached, or not
   *   known to a majority of NATS servers
   */
  async find(tenant: string, messageId: string): Promise<DeadLetter | null> {
    await this.reach(await this.log.lastSequence());
    const known = await this.reader.find(tenant, messageId);
    if (known !== null) return known;
    const { lastSequence } = await this.log.extent();
    if (!(await this.reach(lastSequence))) throw new ProjectionBehindError(lastSequence);
    return this.reader.find(tenant, messageId);
  }

  attempts(messageId: string): Promise<AttemptView[]> {
    return this.reader.attempts(messageId);
  }

  /** `gone` when there is no such dead letter, or its request is no longer in the log. */
  async requeue(
    caller: Caller,
    messageId: string,
    wish: RequeueWish,
  ): Promise<'requeued' | 'gone' | 'past_deadline'> {
    const letter = await this.find(caller.tenant, messageId);
    const received = letter && (await this.receptionOf(letter));
    if (letter === null || received === null) return 'gone';
    if (this.isPastDeadline(received)) return 'past_deadline';
    await this.reach(await this.putBack(letter, received, caller, wish));
    return 'requeued';
  }

  /**
   * At most `limit`, in the order in which they failed, so that turns of a conversation keep their order. A message that
   * fails again meanwhile is not requeued a second time.
   */
  async requeueAll(
    caller: Caller,
    filter: DeadLetterFilter,
    limit: number,
    wish: RequeueWish,
  ): Promise<Requeued> {
    // Of a server that was cut off it would be said that there is nothing to requeue.
    await this.reach((await this.log.extent()).lastSequence);
    let requeued = 0;
    let pastDeadline = 0;
    let newest = 0;
    let cursor: string | null = null;
    let left = limit;
    for (let pages = 0; left > 0 && pages < MOST_PAGES; pages += 1) {
      const size = Math.min(PAGE, left);
      const page: Page<DeadLetter> = await this.reader.list(filter, 'oldest_first', size, cursor);
      const receptions = await Promise.all(page.data.map((letter) => this.receptionOf(letter)));
      const there = page.data.flatMap((letter, at) => {
        const received = receptions[at] ?? null;
        return received === null ? [] : [{ letter, received }];
      });
      const wanted = there.filter(({ received }) => !this.isPastDeadline(received));
      // The appends begin in this order, so the log has the events in this order.
      const sequences = await Promise.all(
        wanted.map(({ letter, received }) => this.putBack(letter, received, caller, wish)),
      );
      requeued += sequences.length;
      pastDeadline += there.length - wanted.length;
      newest = Math.max(newest, ...sequences);
      left -= sequences.length;
      cursor = page.nextCursor;
      if (cursor === null) break;
    }
    await this.reach(newest);
    return { requeued, pastDeadline, more: cursor !== null };
  }

  /** False when there is no such dead letter. */
  async discard(caller: Caller, messageId: string, reason: string): Promise<boolean> {
    const letter = await this.find(caller.tenant, messageId);
    if (letter === null) return false;
    const event = discard(this.context(letter), caller.name, reason);
    const { firstSequence } = await this.append('discard', letter, [event]);
    await this.reach(firstSequence);
    return true;
  }

  /** Null if it was erased from the log. */
  private async receptionOf({ receivedSequence }: DeadLetter): Promise<MessageReceived | null> {
    const stored = await this.log.get(receivedSequence);
    return stored?.event.type === 'llmq.message.received.v1' ? stored.event : null;
  }

  private isPastDeadline({ data: { deadline } }: MessageReceived): boolean {
    return deadline !== null && Date.parse(deadline) <= this.sources.nowMs();
  }

  /** Resolves with the event's sequence. It awaits nothing before the append begins: the caller relies on the order. */
  private async putBack(
    letter: DeadLetter,
    event: MessageReceived,
    caller: Caller,
    { reason, trace }: RequeueWish,
  ): Promise<number> {
    const { messageId, lastAttempt, receivedSequence } = letter;
    const failed = { lastAttempt, receivedSequence, received: event.data };
    const before = traceOf(event);
    const attributes = { 'llmq.message.id': messageId };
    const span = spanIn(trace, 'requeue', { attributes, links: [before] });
    // Another life is in the trace of the one who gave it, which leads to that of the first.
    const context = this.context(letter, traceBehind(span, before));
    const events = requeue(context, failed, caller.name, reason);
    return (await within(span, () => this.append('requeue', letter, events))).firstSequence;
  }

  private append(what: string, { messageId, terminalSequence }: DeadLetter, events: readonly MessageEvent[]) {
    return this.log.append(events, { dedupeKey: `${what}:${messageId}:${terminalSequence}` });
  }

  private context({ messageId, tenant, priority }: DeadLetter, trace: TraceContext = UNTRACED): EventContext {
    const now = new Date(this.sources.nowMs()).toISOString();
    return { messageId, tenant, lane: priority, now, newId: this.sources.newId, ...trace };
  }

  /** Waits for the projection, so that a list that is read afterwards shows the change. Gives up after a while. */
  private reach(sequence: number): Promise<boolean> {
    return this.position.waitFor(sequence, this.config.projection.read_wait_ms);
  }
}
