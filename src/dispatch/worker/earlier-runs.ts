import { type DispatchDecision, decideDispatch } from '../../domain/message/dispatch.decision.js';
import { isExpired } from '../../domain/message/expire.decision.js';
import type { PriorityReason } from '../../domain/message/message.events.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { Sources } from '../../platform/clock.js';
import type { MessageReader } from '../../projection/read/message-reader.js';
import type { ProjectionPosition } from '../../projection/read/projection-position.js';
import type { Cancellations } from '../cancellations/cancellations.port.js';
import type { LaneDelivery } from '../lanes/lane.port.js';

/** How long a message that may have run before waits for the projection to say what came of it. */
const WAIT_MS = 5_000;

/** Why a message is in its lane another time. One that was delayed is there for the first time. */
const RETURNED: ReadonlySet<PriorityReason> = new Set(['retry', 'turn_ready', 'requeue']);

/** What the log knows of a message that may have been in a worker's hands before, or have ended while it waited. */
export class EarlierRuns {
  constructor(
    private readonly log: EventLog,
    private readonly reader: Pick<MessageReader, 'state'>,
    private readonly position: Pick<ProjectionPosition, 'waitFor'>,
    private readonly cancellations: Cancellations,
    private readonly sources: Sources,
    private readonly maxLostCalls: number,
    private readonly stopping: AbortSignal,
  ) {}

  /**
   * False for a message that nobody can have had or ended: it needs no look, and costs no read. One that came back into its
   * lane (a retry, a turn that was held) may have ended meanwhile, through another worker that was taken for dead.
   */
  possible(delivery: LaneDelivery): boolean {
    const { delivery: count, inDoubtUpTo, event } = delivery;
    return count > 1 || inDoubtUpTo !== null || RETURNED.has(event.data.reason) || this.overtaken(delivery);
  }

  /** True for a message that must not be called any more, whatever was known when it was taken off its lane. */
  overtaken({ event }: LaneDelivery): boolean {
    return this.cancellations.has(event.subject) || isExpired(event.data.deadline, this.sources.nowMs());
  }

  /** Null when the projection does not catch up in time, or the worker stops: nobody can tell yet. */
  async decide(delivery: LaneDelivery): Promise<DispatchDecision | null> {
    // The worker that had it may have written its last word at any time until now.
    const { delivery: count, inDoubtUpTo, sequence } = delivery;
    const latest = count > 1 || this.overtaken(delivery);
    return this.decideAt(
      delivery,
      latest ? await this.log.lastSequence() : Math.max(inDoubtUpTo ?? 0, sequence),
    );
  }

  /** By what the log says up to a sequence. Null as `decide`. */
  async decideAt(delivery: LaneDelivery, upTo: number): Promise<DispatchDecision | null> {
    if (!(await this.position.waitFor(upTo, WAIT_MS, this.stopping))) return null;
    const { event, sequence } = delivery;
    const state = await this.reader.state(event.subject);
    const decision = decideDispatch(event, sequence, state, this.maxLostCalls, this.sources.nowMs());
    // Only what has ended is called cancelled; a message that lives again after that has left the entry behind.
    if (decision.kind === 'call') this.cancellations.remove(event.subject);
    return decision;
  }
}
