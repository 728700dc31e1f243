import { setTimeout as sleep, setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import type { ConnectionState } from '../../broker/connection-state.js';
import type { ReadOptions, StoredEvent } from '../event-log.port.js';
import { streamSequenceOf } from '../log-position.js';
import { eventsIn, inBatches } from '../log-record.js';
import { PullSession, type RawEvent } from './pull-session.js';

export interface EventReaderParts extends ReadOptions {
  readonly connection: NatsConnection;
  readonly state: ConnectionState;
  readonly logger: Logger;
  readonly fromSequence: number;
}

const REQUEST_TIMEOUT_MS = 5_000;
const BETWEEN_SESSIONS_MS = 200;
/** Of one pull; never less than two of the largest messages, or one of them could never be delivered. */
const PULL_BYTES = 8 * 1024 * 1024;

/**
 * Reads the log in order for one reader, over as many sessions as it takes. What is held is bounded: at most one
 * pull that waits to be taken while the next one is on its way, each limited in events and bytes; nothing is pulled
 * while the reader is busy with both.
 */
export class EventReader {
  private readonly received: RawEvent[] = [];
  private receivedBytes = 0;
  private next: number;
  private session: PullSession | undefined;
  private wake: () => void = () => undefined;

  constructor(private readonly use: EventReaderParts) {
    this.next = Math.max(1, streamSequenceOf(use.fromSequence));
  }

  async *batches(): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const { signal, maxBatch } = this.use;
    const stop = new AbortController();
    const over = AbortSignal.any([signal, stop.signal]);
    const onAbort = () => this.wake();
    signal.addEventListener('abort', onAbort);
    const sessions = this.keepSessions(over);
    try {
      while (!signal.aborted) {
        const raw = this.take(maxBatch);
        this.pullAhead();
        if (raw.length > 0) {
          yield* decoded(raw, this.use);
          // What is here is handed out without I/O: until it is used up, sockets and timers would wait.
          await turnOfTheLoop();
        } else await this.arrival(signal);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      stop.abort();
      this.session?.close();
      await sessions;
    }
  }

  private async arrival(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (signal.aborted || this.received.length > 0) resolve();
    });
  }

  /** Opens one session after the other, each behind the last event received, until it is over. */
  private async keepSessions(over: AbortSignal): Promise<void> {
    const manager = await jetstreamManager(this.use.connection, {
      checkAPI: false,
      timeout: REQUEST_TIMEOUT_MS,
    });
    while (!over.aborted) {
      const reason = await this.oneSession(manager, over);
      if (over.aborted) break;
      this.use.logger.warn({ next: this.next, reason }, 'reading the event log was interrupted; reading on');
      await sleep(BETWEEN_SESSIONS_MS, undefined, { signal: over }).catch(() => undefined);
    }
  }

  private async oneSession(manager: JetStreamManager, over: AbortSignal): Promise<string> {
    const { connection, state, only } = this.use;
    await untilUp(state, over);
    if (over.aborted) return 'closed';
    try {
      const onEvent = (event: RawEvent) => this.receive(event);
      const session = await PullSession.open({ connection, manager, state, onEvent, only }, this.next);
      session.onPullOver = () => this.pullAhead();
      this.session = session;
      if (over.aborted) session.close();
      else this.pullAhead();
      const reason = await session.broken;
      session.close();
      return reason;
    } catch (error) {
      return (error as Error).message;
    } finally {
      this.session = undefined;
    }
  }

  private receive(event: RawEvent): void {
    this.received.push(event);
    this.receivedBytes += event.data.length;
    this.next = event.sequence + 1;
    this.wake();
  }

  private take(maxBatch: number): RawEvent[] {
    const raw = this.received.splice(0, maxBatch);
    for (const { data } of raw) this.receivedBytes -= data.length;
    return raw;
  }

  /** The next pull goes out when less than one waits here. */
  private pullAhead(): void {
    const { session } = this;
    if (session === undefined || session.pulling) return;
    const { maxBatch, ahead = maxBatch } = this.use;
    if (this.received.length >= ahead || this.receivedBytes >= PULL_BYTES) return;
    session.pull(ahead, Math.max(PULL_BYTES, 2 * (this.use.connection.info?.max_payload ?? 0)));
  }
}

/** What precedes a malformed event is handed out first, so that the reader knows how far it came. */
function* decoded(
  raw: readonly RawEvent[],
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

async function untilUp(state: ConnectionState, over: AbortSignal): Promise<void> {
  while (!state.up && !over.aborted) {
    await new Promise<void>((resolve) => {
      const end = () => {
        stopWatching();
        over.removeEventListener('abort', end);
        resolve();
      };
      const stopWatching = state.onUp(end);
      over.addEventListener('abort', end);
    });
  }
}
