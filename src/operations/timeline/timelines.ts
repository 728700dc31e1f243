import { Inject, Injectable } from '@nestjs/common';
import type { EventLog } from '../../log/event-log.port.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { EventIndex } from '../../projection/read/event-index.js';
import { MAX_PAGE_BYTES } from '../../projection/read/page-bytes.js';
import { readEventsWithin } from './log-reads.js';
import { type TimelineEntry, timelineOf } from './timeline.policy.js';

export interface TimelinePage {
  readonly entries: readonly TimelineEntry[];
  /** To be given as `after` for the next page; null on the last. */
  readonly nextAfter: number | null;
}

export interface PageWish {
  /** Begin behind this sequence; 0 for the beginning. */
  readonly after: number;
  readonly limit: number;
}

/** The history of one message or conversation: an index finds its events, the log has them, a policy words them. */
@Injectable()
export class Timelines {
  constructor(
    @Inject(EventIndex) private readonly index: EventIndex,
    @Inject(EVENT_LOG) private readonly log: EventLog,
  ) {}

  async ofMessage(id: string, { after, limit }: PageWish): Promise<TimelinePage> {
    return this.page(await this.index.ofMessage(id, after, limit + 1), limit);
  }

  /** Null where the tenant has no such conversation. */
  async ofConversation(tenant: string, id: string, { after, limit }: PageWish): Promise<TimelinePage | null> {
    const sequences = await this.index.ofConversation(tenant, id, after, limit + 1);
    if (sequences.length > 0) return this.page(sequences, limit);
    const [first] = await this.index.ofConversation(tenant, id, 0, 1);
    return first === undefined ? null : { entries: [], nextAfter: null };
  }

  /** One more sequence than the page holds was looked up: it tells whether there is a next page. */
  private async page(sequences: readonly number[], limit: number): Promise<TimelinePage> {
    const { events, places } = await readEventsWithin(this.log, sequences.slice(0, limit), MAX_PAGE_BYTES);
    return {
      entries: timelineOf(events),
      nextAfter: sequences.length > places ? (sequences[places - 1] ?? null) : null,
    };
  }
}
