import type { EventLog } from '../event-log/event-log.port.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import type { DispatchDecision } from '../message/dispatch.decision.js';
import type { EarlierRuns } from './earlier-runs.js';
import { receivedSequenceOf, type Work } from './work.js';

/**
 * What becomes of a delivery before any endpoint is looked for.
 * - `ready`: a model may be called.
 * - `known`: the log has decided it already.
 * - `unclear`: nobody can tell yet whether it ran; ask again later.
 * - `request_missing`: its request is no longer in the log.
 */
export type Prepared =
  | { readonly kind: 'ready'; readonly work: Work }
  | { readonly kind: 'known'; readonly decision: Exclude<DispatchDecision, { kind: 'call' }> }
  | { readonly kind: 'unclear' }
  | { readonly kind: 'request_missing'; readonly sequence: number };

export class Preparation {
  constructor(
    private readonly log: EventLog,
    private readonly earlierRuns: EarlierRuns,
  ) {}

  /** The usual case without waiting: a first delivery that carries its request. Null for all others. */
  atOnce(delivery: LaneDelivery): Work | null {
    const { request } = delivery;
    return request === null || this.earlierRuns.possible(delivery) ? null : { delivery, request };
  }

  async prepare(delivery: LaneDelivery): Promise<Prepared> {
    if (this.earlierRuns.possible(delivery)) {
      const decision = await this.earlierRuns.decide(delivery);
      if (decision === null) return { kind: 'unclear' };
      if (decision.kind !== 'call') return { kind: 'known', decision };
    }
    return this.withRequest(delivery);
  }

  private async withRequest(delivery: LaneDelivery): Promise<Prepared> {
    if (delivery.request !== null) return { kind: 'ready', work: { delivery, request: delivery.request } };
    const sequence = receivedSequenceOf(delivery);
    const stored = sequence > 0 ? await this.log.get(sequence) : null;
    if (
      stored?.event.type !== 'llmq.message.received.v1' ||
      stored.event.subject !== delivery.event.subject
    ) {
      return { kind: 'request_missing', sequence };
    }
    return { kind: 'ready', work: { delivery, request: stored.event.data.request } };
  }
}
