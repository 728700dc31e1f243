import type { ConversationEvent } from '../conversation/conversation.events.js';
import { streamSequenceOf } from '../event-log/log-position.js';
import type { RecordRange } from './gap-check.policy.js';

/** What erasures say that they take out of the log, and what of it they say is gone. */
export class ErasuresSeen {
  /** Named, in the order of the log. */
  readonly named: RecordRange[] = [];
  /** Those of which the erasure has ended. */
  readonly finished: RecordRange[] = [];
  private readonly underWay = new Map<string, RecordRange[]>();

  event(event: ConversationEvent): void {
    if (event.type === 'llmq.conversation.erasure-begun.v1') this.begun(event.subject, event.data.sequences);
    else if (event.type === 'llmq.conversation.erasure-finished.v1') {
      this.ended(event.subject, streamSequenceOf(event.data.up_to_sequence));
    }
  }

  private begun(conversationId: string, sequences: readonly (readonly [number, number])[]): void {
    const ranges = sequences.map(([first, last]) => ({
      from: streamSequenceOf(first),
      to: streamSequenceOf(last),
    }));
    for (const range of ranges) this.named.push(range);
    this.underWay.set(conversationId, [...(this.underWay.get(conversationId) ?? []), ...ranges]);
  }

  private ended(conversationId: string, upTo: number): void {
    const open = this.underWay.get(conversationId) ?? [];
    for (const range of open) if (range.to <= upTo) this.finished.push(range);
    this.underWay.set(
      conversationId,
      open.filter(({ to }) => to > upTo),
    );
  }
}
