import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import {
  createInbox,
  type Msg,
  type NatsConnection,
  nanos,
  nuid,
  type Subscription,
} from '@nats-io/transport-node';
import type { ConnectionState } from '../../broker/connection-state.js';
import { EVENTS_STREAM } from '../../broker/streams.js';
import type { EventKind } from '../event-log.port.js';
import { subjectsOf } from '../subjects.js';
import { type DeliveryPosition, parseDeliverySubject } from './delivery-subject.js';
import { pullStatus } from './pull-status.js';

/** A stored event before it is decoded. */
export interface RawEvent {
  readonly sequence: number;
  readonly data: Uint8Array;
}

export interface PullSessionParts {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly state: ConnectionState;
  readonly onEvent: (event: RawEvent) => void;
  readonly only?: EventKind | undefined;
}

const PULL_EXPIRES_MS = 20_000;
const HEARTBEAT_MS = 2_000;
const SILENT_AFTER_MS = 3 * HEARTBEAT_MS;
/** The broker drops the consumer of a reader that died, or that was busy for this long; a busy one makes a new one. */
const INACTIVE_THRESHOLD_MS = 300_000;

/**
 * One ephemeral consumer of the log from a sequence on, and the pulls on it, one at a time. It lives until something
 * is not as it should be: a lost connection, a gap, a consumer that is gone, silence where there should be a
 * heartbeat, or heartbeats where there should be events. It mends nothing; `broken` resolves with what it saw, and
 * the reader opens another behind the last event that it got.
 */
export class PullSession {
  readonly broken: Promise<string>;
  private breakWith!: (reason: string) => void;
  private readonly name = `llmq_read_${nuid.next()}`;
  private readonly inbox = createInbox();
  private readonly subscription: Subscription;
  private readonly stopWatching: () => void;
  private readonly watchdog: NodeJS.Timeout;
  /** Events that the pull under way may still bring; 0 while there is none. */
  private wanted = 0;
  private gotInPull = 0;
  private delivered = 0;
  private heardAt = 0;

  private constructor(private readonly use: PullSessionParts) {
    this.broken = new Promise((resolve) => {
      this.breakWith = resolve;
    });
    this.subscription = use.connection.subscribe(this.inbox, {
      callback: (error, message) => {
        if (error === null) this.receive(message);
        else this.breakWith(error.message);
      },
    });
    this.stopWatching = use.state.onDown(() => this.breakWith('the connection to NATS was lost'));
    this.watchdog = setInterval(() => this.expectHeartbeat(), HEARTBEAT_MS);
  }

  /** @throws {Error} when the broker does not make the consumer */
  static async open(use: PullSessionParts, fromSequence: number): Promise<PullSession> {
    const session = new PullSession(use);
    try {
      await use.manager.consumers.add(EVENTS_STREAM, {
        name: session.name,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: fromSequence,
        ...(use.only === undefined ? {} : { filter_subject: subjectsOf(use.only) }),
        ack_policy: AckPolicy.None,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: nanos(INACTIVE_THRESHOLD_MS),
      });
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  get pulling(): boolean {
    return this.wanted > 0;
  }

  /** Asks for up to so many events and bytes. The broker sends what it has, and further events as they are stored. */
  pull(events: number, bytes: number): void {
    this.wanted = events;
    this.gotInPull = 0;
    this.heardAt = performance.now();
    const request = {
      batch: events,
      max_bytes: bytes,
      expires: nanos(PULL_EXPIRES_MS),
      idle_heartbeat: nanos(HEARTBEAT_MS),
    };
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${this.name}`;
    this.use.connection.publish(subject, JSON.stringify(request), { reply: this.inbox });
  }

  /** Idempotent. The consumer is deleted where the broker can be asked; else it goes by itself. */
  close(): void {
    clearInterval(this.watchdog);
    this.stopWatching();
    this.breakWith('closed');
    if (this.use.connection.isClosed()) return;
    this.subscription.unsubscribe();
    if (this.use.state.up) this.use.manager.consumers.delete(EVENTS_STREAM, this.name).catch(() => undefined);
  }

  private receive(message: Msg): void {
    this.heardAt = performance.now();
    // Asked first, and not for the status, because that would decode the headers of every event.
    const position = parseDeliverySubject(message.reply ?? '');
    if (position !== null) {
      this.receiveEvent(message, position);
      return;
    }
    if (message.headers !== undefined) this.receiveStatus(message.headers.code, message.headers.description);
  }

  private receiveEvent(message: Msg, position: DeliveryPosition): void {
    if (position.consumerSequence !== this.delivered + 1) {
      this.breakWith(`delivery ${this.delivered + 1} is missing`);
      return;
    }
    this.delivered += 1;
    this.gotInPull += 1;
    this.wanted -= 1;
    this.use.onEvent({ sequence: position.streamSequence, data: message.data });
  }

  private receiveStatus(code: number, description: string): void {
    const status = pullStatus(code, description);
    if (status === 'broken') this.breakWith(`${description} (${code})`);
    if (status !== 'over') return;
    this.wanted = 0;
    if (this.gotInPull === 0) void this.expectNothingPending();
    this.onPullOver();
  }

  /** Set by the reader, which decides when to pull again. */
  onPullOver: () => void = () => undefined;

  private expectHeartbeat(): void {
    if (this.pulling && performance.now() - this.heardAt > SILENT_AFTER_MS) this.breakWith('it fell silent');
  }

  /** Consumers have been seen that beat, have events pending, and deliver none. */
  private async expectNothingPending(): Promise<void> {
    try {
      const { num_pending: pending } = await this.use.manager.consumers.info(EVENTS_STREAM, this.name);
      if (pending > 0 && this.gotInPull === 0) this.breakWith(`${pending} events are pending and none comes`);
    } catch (error) {
      this.breakWith((error as Error).message);
    }
  }
}
