import { Inject, Injectable } from '@nestjs/common';
import { decideDispatch } from '../../domain/message/dispatch.decision.js';
import { isExpired } from '../../domain/message/expire.decision.js';
import type { PriorityReason } from '../../domain/message/message.events.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { MessageReader } from '../../projection/read/message-reader.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { Cancellations } from '../cancellations/nats/cancellations.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import { Standing } from './standing.js';
import type { Outcome } from './work.js';
import { WorkerStop } from './worker-stop.js';

/** How long a message that may have run before waits for the projection to say what came of it. */
const WAIT_MS = 5_000;

/** Why a message is in its lane another time. One that was delayed is there for the first time. */
const RETURNED: ReadonlySet<PriorityReason> = new Set(['retry', 'turn_ready', 'requeue', 'aged']);

/** What keeps a message from being called. */
export type Decided = Extract<Outcome, { kind: 'known' | 'unclear' | 'handed_back' }>;

/** Whether a message was in a worker's hands before, or ended while it waited, and what the log says came of that. */
@Injectable()
export class RedeliveryCheck {
  constructor(
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'lastSequence'>,
    @Inject(MessageReader) private readonly reader: Pick<MessageReader, 'state'>,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(Cancellations) private readonly cancellations: Pick<Cancellations, 'has' | 'remove'>,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(WorkerStop) private readonly stop: WorkerStop,
    @Inject(Standing) private readonly standing: Pick<Standing, 'doubts' | 'isGone'>,
  ) {}

  /**
   * False for a message that no other worker can have had, and that can't have ended: it costs no read. One that came back
   * into its lane (a retry, a turn that was held) can have ended meanwhile, by a worker that was taken for dead. One that
   * has waited long may have gone up a lane.
   */
  isNeeded(delivery: LaneDelivery): boolean {
    const { delivery: count, inDoubtUpTo, event } = delivery;
    const { reason, moved_from: movedFrom } = event.data;
    const returned = RETURNED.has(reason) || movedFrom != null;
    if (count > 1 || inDoubtUpTo !== null || returned || this.standing.doubts(delivery)) return true;
    return this.isOver(delivery) || this.mayBeAged(delivery);
  }

  /** True when it was cancelled or has expired: what was known when it was taken off its lane counts no more. */
  isOver({ event }: LaneDelivery): boolean {
    return this.cancellations.has(event.subject) || isExpired(event.data.deadline, this.sources.nowMs());
  }

  /**
   * Null where the message may be called. `unclear` when the projection does not catch up in time; `handed_back` when
   * another worker was given it.
   *
   * @param record where the record of the call lies, for the second look of a message that is recorded first
   * @throws {WorkerStoppingError} when the worker's time is over first
   */
  async ask(delivery: LaneDelivery, record: number | null = null): Promise<Decided | null> {
    const { event, sequence } = delivery;
    if (this.standing.doubts(delivery)) {
      const isGone = await this.standing.isGone(delivery);
      this.stop.signal.throwIfAborted();
      if (isGone) return { kind: 'handed_back', delayMs: 0 };
    }
    const wasCancelled = this.cancellations.has(event.subject);
    const upTo = record === null || wasCancelled ? await this.doubtedUpTo(delivery) : record;
    if (!(await this.position.waitFor(upTo, WAIT_MS, this.stop.signal))) {
      this.stop.signal.throwIfAborted();
      return { kind: 'unclear' };
    }
    const state = await this.reader.state(event.subject);
    const { max_lost_calls } = this.config.queue;
    const decision = decideDispatch(event, sequence, state, max_lost_calls, this.sources.nowMs());
    if (decision.kind === 'call') {
      // Cancelled during this look: what was read can be older than that.
      if (!wasCancelled && this.cancellations.has(event.subject)) return this.ask(delivery, record);
      // Only what has ended is called cancelled; a message that lives again after that has left the entry behind.
      this.cancellations.remove(event.subject);
      return null;
    }
    // The record itself counts as one of the lost calls until its call has ended.
    if (record !== null && decision.kind === 'give_up') return null;
    return { kind: 'known', decision };
  }

  /** It waited for so long that another process may have put it into the lane above, or is about to. */
  private mayBeAged({ lane, event }: LaneDelivery): boolean {
    const { max_wait_ms: maxWaitMs } = this.config.queue.levels[lane];
    return maxWaitMs !== null && this.sources.nowMs() - Date.parse(event.time) >= maxWaitMs;
  }

  /** The worker that had it may have written its last word at any time until now. */
  private async doubtedUpTo(delivery: LaneDelivery): Promise<number> {
    const { delivery: count, inDoubtUpTo, sequence } = delivery;
    if (count > 1 || this.isOver(delivery) || this.mayBeAged(delivery)) return this.log.lastSequence();
    return Math.max(inDoubtUpTo ?? 0, sequence);
  }
}
