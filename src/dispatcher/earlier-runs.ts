import type { EventLog } from '../event-log/event-log.port.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import { type DispatchDecision, decideDispatch } from '../message/dispatch.decision.js';
import type { MessageReader, ProjectionPosition } from '../projection/message-reader.port.js';

/** How long a message that may have run before waits for the projection to say what came of it. */
const WAIT_MS = 5_000;

/** What the log knows of a message that may have been in a worker's hands before. */
export class EarlierRuns {
  constructor(
    private readonly log: EventLog,
    private readonly reader: MessageReader,
    private readonly position: ProjectionPosition,
    private readonly maxLostCalls: number,
    private readonly stopping: AbortSignal,
  ) {}

  /**
   * False for a message that nobody can have had: it needs no look, and costs no read. One that came back into its lane
   * (a retry, a turn that was held) may have ended meanwhile, through another worker that was taken for dead.
   */
  possible({ delivery, inDoubtUpTo, event: { data } }: LaneDelivery): boolean {
    return delivery > 1 || inDoubtUpTo !== null || data.received_sequence !== null;
  }

  /** Null when the projection does not catch up in time, or the worker stops: nobody can tell yet. */
  async decide(delivery: LaneDelivery): Promise<DispatchDecision | null> {
    // The worker that had it may have written its last word at any time until now.
    const { delivery: count, inDoubtUpTo, sequence } = delivery;
    return this.decideAt(
      delivery,
      count > 1 ? await this.log.lastSequence() : Math.max(inDoubtUpTo ?? 0, sequence),
    );
  }

  /** By what the log says up to a sequence. Null as `decide`. */
  async decideAt(delivery: LaneDelivery, sequence: number): Promise<DispatchDecision | null> {
    if (!(await this.position.waitFor(sequence, WAIT_MS, this.stopping))) return null;
    const state = await this.reader.state(delivery.event.subject);
    return decideDispatch(delivery.event, delivery.sequence, state, this.maxLostCalls);
  }
}
