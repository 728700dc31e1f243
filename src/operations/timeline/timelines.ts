import { Inject, Injectable } from '@nestjs/common';
import { LanePauses } from '../../dispatch/lanes/lane-pauses.js';
import type { Lane } from '../../domain/message/lane.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { EventIndex } from '../../projection/read/event-index.js';
import { MAX_PAGE_BYTES } from '../../projection/read/page-bytes.js';
import { pausesDuring, type TimelineReader, type UnderWay } from './lane-pauses.policy.js';
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
    @Inject(LanePauses) private readonly pauses: Pick<LanePauses, 'changesOf'>,
  ) {}

  /** With the pauses of its lane, which hold it up and are no events of its own. */
  async ofMessage(
    reader: TimelineReader,
    { id, lane, underWay }: { readonly id: string; readonly lane: Lane; readonly underWay: UnderWay },
    { after, limit }: PageWish,
  ): Promise<TimelinePage> {
    const own = await this.index.ofMessage(id, after, limit + 1);
    const ofLane = pausesDuring(this.pauses.changesOf(lane), underWay).filter((place) => place > after);
    const places = [...own, ...ofLane].sort((one, other) => one - other);
    return this.page(reader, places.slice(0, limit + 1), limit);
  }

  /** Null where the tenant has no such conversation. */
  async ofConversation(
    reader: TimelineReader,
    id: string,
    { after, limit }: PageWish,
  ): Promise<TimelinePage | null> {
    const { tenant } = reader;
    const sequences = await this.index.ofConversation(tenant, id, after, limit + 1);
    if (sequences.length > 0) return this.page(reader, sequences, limit);
    const [first] = await this.index.ofConversation(tenant, id, 0, 1);
    return first === undefined ? null : { entries: [], nextAfter: null };
  }

  /** One more sequence than the page holds was looked up: it tells whether there is a next page. */
  private async page(
    reader: TimelineReader,
    sequences: readonly number[],
    limit: number,
  ): Promise<TimelinePage> {
    const { events, places } = await readEventsWithin(this.log, sequences.slice(0, limit), MAX_PAGE_BYTES);
    return {
      entries: timelineOf(events, reader),
      nextAfter: sequences.length > places ? (sequences[places - 1] ?? null) : null,
    };
  }
}
