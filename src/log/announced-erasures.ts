import type { ConversationEvent } from '../domain/conversation/conversation.events.js';
import type { ErasureEvent } from '../domain/erasure/erasure.events.js';
import { streamSequenceOf } from './log-position.js';
import { RecordList } from './record-ranges.policy.js';

/** The records that one erasure announced, and up to where it said that they are gone. */
interface Announced {
  readonly records: RecordList;
  finishedUpTo: number;
}

/** The records that erasures announced to delete, and those that they reported as deleted. */
export class AnnouncedErasures {
  /** By conversation, or erasure of messages. */
  private readonly announced = new Map<string, Announced[]>();
  /** Up to where erasures of an earlier version deleted, which did not name their records. */
  private unnamedUpTo = 0;

  event(event: ConversationEvent | ErasureEvent): void {
    switch (event.type) {
      case 'llmq.conversation.erasure-begun.v1':
      case 'llmq.erasure.begun.v1':
        this.begun(event.subject, event.data.sequences);
        return;
      case 'llmq.conversation.erasure-finished.v1':
      case 'llmq.erasure.finished.v1':
        this.ended(event.subject, streamSequenceOf(event.data.up_to_sequence));
    }
  }

  /** Records that may be missing. */
  named(): RecordList {
    const all = new RecordList();
    if (this.unnamedUpTo > 0) all.add(1, this.unnamedUpTo);
    for (const { records } of this.all()) for (const { from, to } of records) all.add(from, to);
    return all.merged();
  }

  /** Records that must be missing. */
  finished(): RecordList {
    const all = new RecordList();
    for (const { records, finishedUpTo } of this.all()) {
      for (const { from, to } of records) if (to <= finishedUpTo) all.add(from, to);
    }
    return all.merged();
  }

  private begun(conversationId: string, sequences: readonly (readonly [number, number])[]): void {
    const records = new RecordList();
    for (const [first, last] of sequences) records.add(streamSequenceOf(first), streamSequenceOf(last));
    const announced = { records, finishedUpTo: 0 };
    const others = this.announced.get(conversationId);
    if (others === undefined) this.announced.set(conversationId, [announced]);
    else others.push(announced);
  }

  private *all(): Generator<Announced, void, undefined> {
    for (const announced of this.announced.values()) yield* announced;
  }

  private ended(conversationId: string, upTo: number): void {
    const announced = this.announced.get(conversationId);
    if (announced === undefined) this.unnamedUpTo = Math.max(this.unnamedUpTo, upTo);
    for (const one of announced ?? []) one.finishedUpTo = Math.max(one.finishedUpTo, upTo);
  }
}
