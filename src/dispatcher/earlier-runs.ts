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

  /** False for a message that nobody can have had: it needs no look, and costs no read. */
  possible(delivery: LaneDelivery): boolean {
    return delivery.delivery > 1 || delivery.inDoubtUpTo !== null;
  }

  /** Null when the projection does not catch up in time, or the worker stops: nobody can tell yet. */
  async decide(delivery: LaneDelivery): Promise<DispatchDecision | null> {
    // The worker that had it may have written its last word at any time until now.
    const knownUpTo = delivery.delivery > 1 ? await this.log.lastSequence() : (delivery.inDoubtUpTo ?? 0);
    if (!(await this.position.waitFor(knownUpTo, WAIT_MS, this.stopping))) return null;
    const state = await this.reader.state(delivery.event.subject);
    return decideDispatch(delivery.event, state, this.maxLostCalls);
  }
}
