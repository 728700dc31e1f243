import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { type Msg, type NatsConnection, nanos, nuid } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import type { Delivery } from '../../broker/acks.js';
import { Pull } from '../../broker/pull.js';
import { EVENTS_STREAM } from '../../broker/streams.js';
import type { ReadOptions, StoredEvent } from '../event-log.port.js';
import { streamSequenceOf } from '../log-position.js';
import { eventsIn, inBatches } from '../log-record.js';
import { subjectsOf } from '../subjects.js';

export interface EventReaderParts extends ReadOptions {
  readonly connection: NatsConnection;
  readonly logger: Logger;
  readonly fromSequence: number;
}

/** A record before it is decoded, with the broker's sequence of it. */
interface RawRecord {
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** Of one pull; never less than two of the largest messages, or one of them could never be delivered. */
const PULL_BYTES = 8 * 1024 * 1024;
/** The broker drops the consumer of a reader that died, or that was busy for this long; a busy one makes a new one. */
const INACTIVE_THRESHOLD_MS = 300_000;

/**
 * Reads the log in order for one reader. Each opening of its pull makes a consumer of its own, behind the last record
 * that came; so whatever goes wrong with one (a lost connection, a gap, a broker that forgot it) is mended by the next.
 *
 * What is held is bounded: at most one pull that waits to be taken while the next one is on its way, each limited in
 * records and bytes; nothing is pulled while the reader is busy with both.
 */
export class EventReader {
  private readonly pull: Pull;
  private readonly received: RawRecord[] = [];
  private receivedBytes = 0;
  private next: number;
  /** The consumer of the latest opening, and how many records it delivered. */
  private consumer: string | null = null;
  private delivered = 0;
  private manager: JetStreamManager | null = null;
  private wake: () => void = () => undefined;

  constructor(private readonly use: EventReaderParts) {
    this.next = Math.max(1, streamSequenceOf(use.fromSequence));
    const { connection, logger, maxBatch, ahead = maxBatch } = use;
    const options = {
      stream: EVENTS_STREAM,
      consumer: (manager: JetStreamManager) => this.newConsumer(manager),
      // The next pull goes out when less than one waits here.
      wanted: (outstanding: number) =>
        outstanding > 0 || this.received.length >= ahead || this.receivedBytes >= PULL_BYTES ? 0 : ahead,
      maxBytes: () => Math.max(PULL_BYTES, 2 * (connection.info?.max_payload ?? 0)),
      onMessage: (message: Msg, delivery: Delivery) => this.receive(message, delivery),
    };
    this.pull = new Pull(connection, options, logger);
  }

  async *batches(): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const { signal, maxBatch } = this.use;
    const onAbort = () => this.wake();
    signal.addEventListener('abort', onAbort);
    this.pull.begin();
    try {
      while (!signal.aborted) {
        const raw = this.take(maxBatch);
        this.pull.demand();
        if (raw.length > 0) {
          yield* decoded(raw, this.use);
          // What is here is handed out without I/O: until it is used up, sockets and timers would wait.
          await turnOfTheLoop();
        } else await this.arrival(signal);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      await this.pull.stop();
      this.dropConsumer();
    }
  }

  private async arrival(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (signal.aborted || this.received.length > 0) resolve();
    });
  }

  private async newConsumer(manager: JetStreamManager): Promise<string> {
    this.manager = manager;
    this.dropConsumer();
    const name = `llmq_read_${nuid.next()}`;
    const { only } = this.use;
    // From here on, what still comes of an earlier consumer is passed over.
    this.consumer = name;
    this.delivered = 0;
    await manager.consumers.add(EVENTS_STREAM, {
      name,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.next,
      ...(only === undefined ? {} : { filter_subject: subjectsOf(only) }),
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanos(INACTIVE_THRESHOLD_MS),
    });
    return name;
  }

  /** Where the broker can't be asked, the consumer goes by itself. */
  private dropConsumer(): void {
    const { consumer } = this;
    this.consumer = null;
    if (consumer === null || this.use.connection.isClosed()) return;
    this.manager?.consumers.delete(EVENTS_STREAM, consumer).catch(() => undefined);
  }

  private receive({ data }: Msg, { consumer, streamSequence, consumerSequence }: Delivery): void {
    if (consumer !== this.consumer) return;
    if (consumerSequence !== this.delivered + 1) {
      this.pull.reopen(`delivery ${this.delivered + 1} is missing`);
      return;
    }
    this.delivered += 1;
    this.received.push({ sequence: streamSequence, data });
    this.receivedBytes += data.length;
    this.next = streamSequence + 1;
    this.wake();
  }

  private take(maxBatch: number): RawRecord[] {
    const raw = this.received.splice(0, maxBatch);
    for (const { data } of raw) this.receivedBytes -= data.length;
    return raw;
  }
}

/** What precedes a malformed event is handed out first, so that the reader knows how far it came. */
function* decoded(
  raw: readonly RawRecord[],
  { fromSequence, maxBatch }: EventReaderParts,
): Generator<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (const { sequence, data } of raw) {
    try {
      for (const stored of eventsIn(data, sequence, fromSequence)) events.push(stored);
    } catch (error) {
      yield* inBatches(events, maxBatch);
      throw error;
    }
  }
  yield* inBatches(events, maxBatch);
}
