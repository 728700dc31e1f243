import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';

export const EVENTS_STREAM = 'LLMQ_EVENTS';
export const INTAKE_STREAM = 'LLMQ_INTAKE';
export const SCHEDULES_STREAM = 'LLMQ_SCHEDULES';
export const CHUNKS_STREAM = 'LLMQ_CHUNKS';

/** What `LLMQ_EVENTS` holds; nothing else may be in it, since readers take the stream whole. */
export const EVENTS_SUBJECTS = 'llmq.events.>';

/**
 * How long the broker remembers a `Nats-Msg-Id`, in milliseconds. It costs broker memory (some 150 bytes an id), which
 * is why an append spends one id on a whole batch and not one on each event.
 */
export const DEDUPE_WINDOW_MS = 120_000;

/** The settings of a stream that this service relies on; whatever is not named here is the operator's to choose. */
export type WantedStream = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'subjects' | 'num_replicas'>;

/** `replicas`: copies of each stream, 1 on a single server, 3 in a cluster. */
export function wantedStreams(replicas: number): WantedStream[] {
  return [events, intake, schedules, chunks].map((stream) => ({ ...stream, num_replicas: replicas }));
}

type Unreplicated = Omit<WantedStream, 'num_replicas'>;

/** The log. `deny_purge` can't be taken back by an update: no slip of an operator's empties it. */
const events: Unreplicated = {
  name: EVENTS_STREAM,
  description: 'LLM Message Queue: the log of all events, the only truth',
  subjects: [EVENTS_SUBJECTS],
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  max_msgs_per_subject: -1,
  duplicate_window: nanos(DEDUPE_WINDOW_MS),
  allow_atomic: true,
  allow_direct: true,
  deny_purge: true,
  // Erasure deletes single records; a stream that denies it can't be made to allow it.
  deny_delete: false,
  compression: StoreCompression.None,
};

const INTAKE_MAX_BYTES = 256 * 1024 * 1024;

/** Bounded, and it refuses when it is full: a direct publisher is told by the broker, as an HTTP client is told by 429. */
const intake: Unreplicated = {
  name: INTAKE_STREAM,
  description: 'LLM Message Queue: messages of direct NATS publishers, until the intake took them',
  subjects: ['llmq.intake.*'],
  retention: RetentionPolicy.Workqueue,
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  max_bytes: INTAKE_MAX_BYTES,
  allow_direct: true,
};

/**
 * Delays and retries; see docs/adr/0003. `discard: old` because the broker refuses schedules together with `new`;
 * without limits nothing is ever discarded. The flag also turns roll-ups on, which the schedules themselves need.
 */
const schedules: Unreplicated = {
  name: SCHEDULES_STREAM,
  description: 'LLM Message Queue: messages that wait for their time, and those that are due',
  subjects: ['llmq.schedules.>', 'llmq.due.>'],
  retention: RetentionPolicy.Workqueue,
  storage: StorageType.File,
  discard: DiscardPolicy.Old,
  duplicate_window: nanos(DEDUPE_WINDOW_MS),
  allow_msg_schedules: true,
  allow_rollup_hdrs: true,
  allow_direct: true,
};

const CHUNKS_MAX_AGE_MS = 600_000;
const CHUNKS_MAX_BYTES = 256 * 1024 * 1024;

/** Chunks of answers, for clients that resume. Losing them loses no answer: the log has the whole one. */
const chunks: Unreplicated = {
  name: CHUNKS_STREAM,
  description: 'LLM Message Queue: pieces of answers under way',
  subjects: ['llmq.chunks.*'],
  retention: RetentionPolicy.Limits,
  storage: StorageType.Memory,
  discard: DiscardPolicy.Old,
  max_age: nanos(CHUNKS_MAX_AGE_MS),
  max_bytes: CHUNKS_MAX_BYTES,
  allow_direct: true,
};
