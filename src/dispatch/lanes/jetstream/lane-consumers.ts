import { AckPolicy, DeliverPolicy, ReplayPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { DurableConsumer } from '../../../broker/ensure-consumer.js';
import type { Lane } from '../../../domain/message/message.events.js';
import { laneSubject } from '../../../log/subjects.js';

/**
 * How many messages of a lane all workers together may hold. Generous, because messages handed back with a delay count
 * as held: a tight limit would let a few hundred of them stop the lane.
 */
export const MAX_ACK_PENDING = 20_000;

export function laneConsumerName(lane: Lane): string {
  return `lane-${lane}`;
}

/**
 * One priority's durable consumer. There is no `max_deliver`: the broker would stop to deliver and tell nobody, and the
 * message would wait for ever. The worker counts the calls that were lost with their workers, and dead-letters.
 */
export function laneConsumer(lane: Lane, ackWaitMs: number): DurableConsumer {
  return {
    durable_name: laneConsumerName(lane),
    filter_subject: laneSubject(lane),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: MAX_ACK_PENDING,
  };
}
