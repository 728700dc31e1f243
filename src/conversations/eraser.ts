import { Inject, Injectable } from '@nestjs/common';
import { conversationEvent } from '../domain/conversation/conversation.events.js';
import { eraseConversation } from '../domain/conversation/erase-conversation.decision.js';
import { erasingOrder, type QueuedErasure } from '../domain/conversation/erasing-order.policy.js';
import { type ErasureEventData, erasureEvent } from '../domain/erasure/erasure.events.js';
import type { LogEvent } from '../domain/log-event.events.js';
import type { EventLog } from '../log/event-log.port.js';
import { recordRanges, streamSequenceOf } from '../log/log-position.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { EVENT_LOG } from '../platform/tokens.js';
import { ErasureReader, type UnfinishedErasure } from '../projection/read/erasure-reader.js';
import { ProjectionPosition } from '../projection/read/projection-position.js';
import { StreamRemains } from './nats/stream-remains.js';

const AT_ONCE = 20;
/** Then others have their turn. */
const SWEEPS_FOR_MS = 5_000;
const POSITION_TIMEOUT_MS = 10_000;
const BY = 'service';
/** An event must fit into one record of the log; so many ranges are some 300 kB at most. */
const EVENTS_ANNOUNCED_AT_ONCE = 10_000;

/**
 * Takes out of the log what was erased. Killed at any point it begins again with what is left: the erasure's event came
 * first, the queue of what is still there is part of the projection, and its end is an event too.
 */
@Injectable()
export class Eraser {
  /** By erasure, the sequences that this process has named: a try that fails and is repeated names nothing twice. */
  private readonly announced = new Map<string, Set<number>>();
  private hasMore = false;

  constructor(
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(ErasureReader) private readonly reader: Pick<ErasureReader, 'unfinished' | 'queued'>,
    @Inject(StreamRemains) private readonly remains: Pick<StreamRemains, 'clear'>,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  /**
   * Goes on with the unfinished erasures. One that fails does not keep the others waiting; when a second one does, it is
   * not theirs, and each might take a time-out.
   *
   * @throws what the first that failed threw
   */
  async sweep(): Promise<void> {
    const until = performance.now() + SWEEPS_FOR_MS;
    do {
      const unfinished = await this.reader.unfinished(AT_ONCE);
      this.hasMore = unfinished.length === AT_ONCE;
      await this.goOnWith(unfinished);
    } while (this.hasMore && performance.now() < until);
  }

  /** The last sweep has left erasures: none should be added that nobody waits for. */
  get isBehind(): boolean {
    return this.hasMore;
  }

  private async goOnWith(unfinished: readonly UnfinishedErasure[]): Promise<void> {
    const failures: unknown[] = [];
    for (const erasure of unfinished) {
      await this.goOn(erasure).catch((error: unknown) => failures.push(error));
      if (failures.length === 2) break;
    }
    if (failures.length > 0) throw failures[0];
  }

  private async goOn(erasure: UnfinishedErasure): Promise<void> {
    const { id, tenant, strays } = erasure;
    const { log, reader } = this;
    // Messages that slipped in are named by an erasure of their own before anything of them is taken away.
    if (strays.length > 0) {
      const messageIds = strays.map(({ id }) => id);
      const wanted = { messageIds, by: BY, reason: 'came in during the erasure' };
      for (const event of eraseConversation(this.context(id, tenant), wanted)) {
        if (!(await this.appended(event))) return;
      }
    }
    const queued = await reader.queued(id);
    if (queued.length === 0) return;
    await this.announce(erasure, queued);
    // Before the log's records, which are what this is found by when it has to be done again.
    await this.remains.clear(messagesIn(queued));
    const { first, last } = erasingOrder(queued, streamSequenceOf);
    await log.erase(first);
    await log.erase(last);
    const up_to_sequence = queued[queued.length - 1]!.sequence;
    const data = { up_to_sequence, events: queued.length };
    if (await this.appended(this.finished(erasure, data))) this.announced.delete(id);
  }

  /** Before anything is gone, so that nothing is ever missing of which the log does not tell why. */
  private async announce(erasure: UnfinishedErasure, queued: readonly QueuedErasure[]): Promise<void> {
    const announced = this.announced.get(erasure.id) ?? new Set<number>();
    this.announced.set(erasure.id, announced);
    const unnamed = queued.flatMap(({ sequence }) => (announced.has(sequence) ? [] : [sequence]));
    for (let from = 0; from < unnamed.length; from += EVENTS_ANNOUNCED_AT_ONCE) {
      const part = unnamed.slice(from, from + EVENTS_ANNOUNCED_AT_ONCE);
      await this.log.append([this.begun(erasure, { sequences: recordRanges(part) })]);
      for (const sequence of part) announced.add(sequence);
    }
  }

  private begun(
    { id, tenant, ofConversation }: UnfinishedErasure,
    data: ErasureEventData['llmq.erasure.begun.v1'],
  ): LogEvent {
    const context = this.context(id, tenant);
    return ofConversation
      ? conversationEvent(context, 'llmq.conversation.erasure-begun.v1', data)
      : erasureEvent(context, 'llmq.erasure.begun.v1', data);
  }

  private finished(
    { id, tenant, ofConversation }: UnfinishedErasure,
    data: ErasureEventData['llmq.erasure.finished.v1'],
  ): LogEvent {
    const context = this.context(id, tenant);
    return ofConversation
      ? conversationEvent(context, 'llmq.conversation.erasure-finished.v1', data)
      : erasureEvent(context, 'llmq.erasure.finished.v1', data);
  }

  /** True once the projection has it: what is read next is then not what was read before. */
  private async appended(event: LogEvent): Promise<boolean> {
    const { firstSequence } = await this.log.append([event]);
    return this.position.waitFor(firstSequence, POSITION_TIMEOUT_MS);
  }

  private context(subject: string, tenant: string) {
    const { nowMs, newId } = this.sources;
    return { subject, tenant, now: new Date(nowMs()).toISOString(), newId };
  }
}

function messagesIn(queued: readonly QueuedErasure[]): string[] {
  return [...new Set(queued.flatMap(({ messageId }) => (messageId === null ? [] : [messageId])))];
}
