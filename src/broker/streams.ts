import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';

export const EVENTS_STREAM = 'LLMQ_EVENTS';
export const SCHEDULES_STREAM = 'LLMQ_SCHEDULES';
export const WEBHOOKS_STREAM = 'LLMQ_WEBHOOKS';
export const CHUNKS_STREAM = 'LLMQ_CHUNKS';
export const TRIES_STREAM = 'LLMQ_TRIES';
export const CONVERSATIONS_BUCKET = 'llmq_conversations';
export const CANCELLATIONS_BUCKET = 'llmq_cancellations';
export const ENDPOINT_SHARES_BUCKET = 'llmq_endpoint_shares';
export const SCHEDULER_BUCKET = 'llmq_scheduler';
export const IDEMPOTENCY_BUCKET = 'llmq_idempotency';
export const PARTS_BUCKET = 'llmq_parts';
export const FILES_BUCKET = 'llmq_files';
export const BATCHES_BUCKET = 'llmq_batches';

/** What `LLMQ_TRIES` holds: which requests of SDKs became which messages. */
export const TRIES_SUBJECT = 'llmq.tries';
/** How long a request that an SDK repeats finds its first try. */
export const TRIES_KEPT_MS = 10 * 60_000;

/** What `LLMQ_EVENTS` holds; nothing else may be in it, since readers take the stream whole. */
export const EVENTS_SUBJECTS = 'llmq.events.>';

/**
 * How long the broker remembers a `Nats-Msg-Id`, in milliseconds. It costs broker memory (some 150 bytes an id), which
 * is why an append spends one id on a whole batch and not one on each event.
 */
export const DEDUPE_WINDOW_MS = 120_000;

/** The settings of a stream that this service relies on; whatever is not named here is the operator's to choose. */
export type WantedStream = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'subjects' | 'num_replicas'>;

export interface StreamChoices {
  /** Copies of each stream: 1 on a single server, 3 in a cluster. */
  readonly replicas: number;
  readonly idempotencyTtlMs: number;
}

/**
 * Ten minutes behind the end of an answer that took as long as `queue.default_timeout_ms` allows by default: whoever comes
 * back then needs its first chunk too, to know that what he has is its beginning.
 */
const CHUNKS_KEPT_MS = 70 * 60_000;

interface OwnStream {
  readonly name: string;
  readonly purpose: string;
  readonly settings: Omit<WantedStream, 'name' | 'num_replicas' | 'description'>;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

/** All streams and buckets of the service. A bucket is the stream behind it, `KV_<bucket>`. */
export function ownStreams({
  idempotencyTtlMs,
}: Pick<StreamChoices, 'idempotencyTtlMs'>): readonly OwnStream[] {
  return [
    {
      name: EVENTS_STREAM,
      purpose: 'the log of all events, the only truth',
      settings: {
        subjects: [EVENTS_SUBJECTS],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        discard: DiscardPolicy.New,
        max_msgs_per_subject: -1,
        duplicate_window: nanos(DEDUPE_WINDOW_MS),
        allow_atomic: true,
        allow_direct: true,
        // Can't be taken back by an update: no slip of an operator's empties the log.
        deny_purge: true,
        // Erasure deletes single records; a stream that denies it can't be made to allow it.
        deny_delete: false,
        compression: StoreCompression.None,
      },
    },
    {
      name: SCHEDULES_STREAM,
      purpose: 'messages that wait for their time, and those that are due',
      // See docs/adr/0003. `discard: old` because the broker refuses schedules together with `new`; without limits
      // nothing is ever discarded. The flag also turns roll-ups on, which the schedules themselves need.
      settings: {
        subjects: ['llmq.schedules.>', 'llmq.due.>'],
        retention: RetentionPolicy.Workqueue,
        storage: StorageType.File,
        discard: DiscardPolicy.Old,
        duplicate_window: nanos(DEDUPE_WINDOW_MS),
        allow_msg_schedules: true,
        allow_rollup_hdrs: true,
        allow_direct: true,
      },
    },
    {
      name: WEBHOOKS_STREAM,
      purpose: 'webhooks that are due, and those that wait for their next try',
      // Laid out like the schedules (docs/adr/0003). What is lost is found again in the tables.
      settings: {
        subjects: ['llmq.webhooks.>'],
        retention: RetentionPolicy.Workqueue,
        storage: StorageType.File,
        discard: DiscardPolicy.Old,
        duplicate_window: nanos(DEDUPE_WINDOW_MS),
        allow_msg_schedules: true,
        allow_rollup_hdrs: true,
        allow_direct: true,
      },
    },
    {
      name: CHUNKS_STREAM,
      purpose: 'pieces of answers under way',
      // For clients that resume. Losing them loses no answer: the log has the whole one.
      settings: {
        subjects: ['llmq.chunks.*'],
        retention: RetentionPolicy.Limits,
        storage: StorageType.Memory,
        discard: DiscardPolicy.Old,
        max_age: nanos(CHUNKS_KEPT_MS),
        max_bytes: 256 * MIB,
        allow_direct: true,
      },
    },
    {
      name: TRIES_STREAM,
      purpose: 'which requests of SDKs became which messages, for those that are repeated',
      // Losing them makes a repeated request another message. In a file, so that a restart of the broker loses none.
      settings: {
        subjects: [TRIES_SUBJECT],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        discard: DiscardPolicy.Old,
        max_age: nanos(TRIES_KEPT_MS),
        max_bytes: 64 * MIB,
        allow_direct: true,
      },
    },
    bucket({
      name: CONVERSATIONS_BUCKET,
      purpose: 'claims on conversations: who sums one up, who sends a message where no turn may be open',
      // Longer than any claim holds.
      maxAgeMs: 15 * MINUTE_MS,
    }),
    bucket({
      name: CANCELLATIONS_BUCKET,
      purpose: 'cancelled messages that are still in a lane, a schedule or a call',
      // Longer than the longest delay: until its time has come, a cancelled message must be known for one.
      maxAgeMs: 31 * DAY_MS,
    }),
    bucket({
      name: ENDPOINT_SHARES_BUCKET,
      purpose: "each worker's share of what endpoints allow",
      maxAgeMs: 0,
      // It says what runs now: with the broker's memory goes what was true before, and workers claim anew.
      storage: StorageType.Memory,
    }),
    bucket({
      name: SCHEDULER_BUCKET,
      purpose: 'who leads the schedulers',
      // In a file and for ever: the term of a leader must never begin anew.
      maxAgeMs: 0,
    }),
    bucket({
      name: IDEMPOTENCY_BUCKET,
      purpose: 'the first responses of requests with an Idempotency-Key',
      maxAgeMs: idempotencyTtlMs,
    }),
    bucket({
      name: BATCHES_BUCKET,
      purpose: 'batches, who carries them out, and what is known of files',
      // A batch is read for as long as nobody deletes it.
      maxAgeMs: 0,
    }),
    objects({
      name: PARTS_BUCKET,
      purpose: 'what is too large for the log: pictures, audio, files of messages',
    }),
    objects({ name: FILES_BUCKET, purpose: 'files of clients: what batches are made of, and their results' }),
  ];
}

interface Bucket extends Pick<OwnStream, 'name' | 'purpose'> {
  /** After which an entry goes by itself, in milliseconds; 0 for never. */
  readonly maxAgeMs: number;
  /** File where it is not said. */
  readonly storage?: StorageType;
}

/**
 * Laid out as every NATS client expects a bucket (ADR-8 of the NATS project). Made as a stream and not through the
 * key-value client because that one binds to an existing bucket without looking at it.
 */
function bucket({ name, purpose, maxAgeMs, storage = StorageType.File }: Bucket): OwnStream {
  return {
    ...{ name: `KV_${name}`, purpose },
    settings: {
      subjects: [`$KV.${name}.>`],
      retention: RetentionPolicy.Limits,
      storage,
      discard: DiscardPolicy.New,
      max_msgs_per_subject: 1,
      max_age: nanos(maxAgeMs),
      allow_rollup_hdrs: true,
      deny_delete: true,
      allow_direct: true,
    },
  };
}

/** Laid out as every NATS client expects an object store (ADR-20 of the NATS project). */
function objects({ name, purpose }: Pick<OwnStream, 'name' | 'purpose'>): OwnStream {
  return {
    ...{ name: `OBJ_${name}`, purpose },
    settings: {
      subjects: [`$O.${name}.C.>`, `$O.${name}.M.>`],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      allow_rollup_hdrs: true,
      allow_direct: true,
    },
  };
}

export function wantedStreams({ replicas, idempotencyTtlMs }: StreamChoices): WantedStream[] {
  return ownStreams({ idempotencyTtlMs }).map(({ name, purpose, settings }) => ({
    ...{ name, description: `LLM Message Queue: ${purpose}` },
    ...settings,
    num_replicas: replicas,
  }));
}

/** Made by earlier versions and not used any more: the start removes those that are empty. */
export const RETIRED_STREAMS = ['KV_llmq_endpoints', 'KV_llmq_workers', 'KV_llmq_control'] as const;
