import { AckPolicy, DeliverPolicy, ReplayPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { DurableConsumer } from '../../../broker/ensure-consumer.js';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import { routeSubject } from '../../../log/subjects.js';

/**
 * How many messages of a lane and route all workers together may hold. Generous, because messages handed back with a
 * delay count as held: a tight limit would let a few hundred of them stop the route.
 */
export const MAX_ACK_PENDING = 20_000;

export function routeConsumerName(lane: Lane, route: string): string {
  return `lane-${lane}-${route}`;
}

/** The lane and route whose consumer has this name; null for any other consumer. */
export function routeOfConsumer(name: string): { readonly lane: Lane; readonly route: string } | null {
  const lane = LANES.find((each) => name.startsWith(`lane-${each}-`));
  return lane === undefined ? null : { lane, route: name.slice(routeConsumerName(lane, '').length) };
}

/**
 * The durable consumer of what waits in a lane for a model. There is no `max_deliver`: the broker would stop to deliver
 * and tell nobody, and the message would wait for ever. The worker counts the calls that were lost with their workers,
 * and dead-letters.
 */
export function routeConsumer(lane: Lane, route: string, ackWaitMs: number): DurableConsumer {
  return {
    durable_name: routeConsumerName(lane, route),
    filter_subject: routeSubject(lane, route),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: MAX_ACK_PENDING,
  };
}

/** Of an earlier version, for all models of the lane. What it still has is moved to its routes. */
export function unroutedConsumerName(lane: Lane): string {
  return `lane-${lane}`;
}
