import { DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { WantedStream } from './streams.js';

export const CONVERSATIONS_BUCKET = 'llmq_conversations';
export const ENDPOINTS_BUCKET = 'llmq_endpoints';
export const WORKERS_BUCKET = 'llmq_workers';
export const CONTROL_BUCKET = 'llmq_control';
export const CANCELLATIONS_BUCKET = 'llmq_cancellations';
export const IDEMPOTENCY_BUCKET = 'llmq_idempotency';

interface Bucket {
  readonly name: string;
  readonly description: string;
  readonly storage: StorageType;
  /** After which an entry goes by itself, in milliseconds; 0 keeps it. */
  readonly maxAgeMs: number;
}

/** Membership lives by heartbeat, so it may be lost with the broker; the rest must survive it. */
const buckets: readonly Bucket[] = [
  {
    name: CONVERSATIONS_BUCKET,
    description: 'claims on conversations: who sums one up, who sends a message where no turn may be open',
    storage: StorageType.File,
    // Longer than any claim holds.
    maxAgeMs: 15 * 60_000,
  },
  {
    name: ENDPOINTS_BUCKET,
    description: 'registry and health of endpoints',
    storage: StorageType.File,
    maxAgeMs: 0,
  },
  {
    name: WORKERS_BUCKET,
    description: 'workers that are alive',
    storage: StorageType.Memory,
    maxAgeMs: 60_000,
  },
  {
    name: CONTROL_BUCKET,
    description: 'desired scale, and lanes that are paused',
    storage: StorageType.File,
    maxAgeMs: 0,
  },
  {
    name: CANCELLATIONS_BUCKET,
    description: 'cancelled messages that are still in a lane, a schedule or a call',
    storage: StorageType.File,
    // Longer than the longest delay: until its time has come, a cancelled message must be known for one.
    maxAgeMs: 31 * 86_400_000,
  },
];

/**
 * The streams behind the buckets, laid out as every NATS client expects them (ADR-8 of the NATS project). Made as
 * streams and not through the key-value client because that one binds to an existing bucket without looking at it.
 */
export function wantedBuckets(replicas: number, idempotencyTtlMs: number): WantedStream[] {
  const idempotency: Bucket = {
    name: IDEMPOTENCY_BUCKET,
    description: 'the first responses of requests with an Idempotency-Key',
    storage: StorageType.File,
    maxAgeMs: idempotencyTtlMs,
  };
  return [...buckets, idempotency].map(({ name, description, storage, maxAgeMs }) => ({
    name: `KV_${name}`,
    description: `LLM Message Queue: ${description}`,
    subjects: [`$KV.${name}.>`],
    retention: RetentionPolicy.Limits,
    storage,
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    max_age: nanos(maxAgeMs),
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
    num_replicas: replicas,
  }));
}
