import { hostname } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { dispatched } from '../../domain/message/dispatch.decision.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { Cancellations } from '../cancellations/nats/cancellations.js';
import type { EndpointLease } from '../endpoints/registry/endpoint-lease.js';
import { AttemptCalls } from './attempt-calls.js';
import { DurableSteps } from './durable-steps.js';
import { RedeliveryCheck } from './redelivery-check.js';
import { contextNow, type Outcome, type Work } from './work.js';

const WORKER_NAME = `${hostname()}:${process.pid}`;

/**
 * Makes one attempt: its calls, whose pieces go out as they come, and beside them the record that it was begun. The model
 * does not wait for the log, but nothing is concluded from the call before the record is durable (ADR 6).
 *
 * A message that another worker may still have is recorded first, and called only if the log, up to that record, has not
 * ended it: the time from the first look at it to the call can be long on a busy machine. So is every turn of a
 * conversation. A process that stood still for longer than its ack deadline does not know that its first delivery went
 * to another worker too, and must not begin with a turn after the next one has run (ADR 7).
 */
@Injectable()
export class Attempts {
  constructor(
    @Inject(DurableSteps) private readonly steps: DurableSteps,
    @Inject(RedeliveryCheck) private readonly redelivery: RedeliveryCheck,
    @Inject(AttemptCalls) private readonly calls: AttemptCalls,
    @Inject(Cancellations) private readonly cancellations: Cancellations,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  /**
   * Gives the lease back as soon as the endpoint is done.
   *
   * @throws {WorkerStoppingError} when the worker's time was over first
   * @throws what is no failure of the message but of this process
   */
  async run(work: Work, lease: EndpointLease): Promise<Outcome> {
    if (this.isCancelled(work)) {
      lease.release();
      return { kind: 'cancelled' };
    }
    if (isTurn(work) || work.inDoubt) return this.recordedFirst(work, lease);
    // The call first: the client waits for it, and the record takes its time.
    let recorded: Promise<number>;
    const called = this.calls.run(work, lease, () => recorded);
    recorded = this.record(work, lease);
    const [record, outcome] = await Promise.allSettled([recorded, called]);
    if (record.status === 'rejected') throw record.reason;
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }

  /**
   * The redelivery check's second look. The promises need it: another worker may have ended the message since the first
   * look, and then its end lies before this record in the log.
   */
  private async recordedFirst(work: Work, lease: EndpointLease): Promise<Outcome> {
    try {
      const decided = await this.redelivery.ask(work.delivery, await this.record(work, lease));
      // Where nobody can tell in time, a turn waits, for the order of turns. Another message may be called twice.
      if (decided !== null && (decided.kind !== 'unclear' || isTurn(work))) return decided;
      return await this.calls.run(work, lease, async () => {});
    } finally {
      lease.release();
    }
  }

  /** @returns where the record lies */
  private async record({ delivery, conversation }: Work, lease: EndpointLease): Promise<number> {
    const context = contextNow(delivery.event, this.sources);
    const event = dispatched(context, delivery.event, {
      delivery: delivery.delivery,
      worker: WORKER_NAME,
      endpoint: lease.endpoint.name,
      model: lease.model,
      endpointReason: lease.reason,
      context: conversation?.recordFor(lease),
    });
    return (await this.steps.append([event])).firstSequence;
  }

  private isCancelled({ delivery }: Work): boolean {
    return this.cancellations.has(delivery.event.subject);
  }
}

function isTurn({ conversation }: Work): boolean {
  return conversation !== null;
}
