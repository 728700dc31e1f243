import { type KV, Kvm } from '@nats-io/kv';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { Inject, Injectable, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { ConnectionWatch } from '../../../broker/connection-watch.js';
import { CANCELLATIONS_BUCKET } from '../../../broker/streams.js';
import { EventLogModule } from '../../../log/event-log.module.js';
import { aboutMessage } from '../../../platform/logging/about-message.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';

const SUBJECT = `$KV.${CANCELLATIONS_BUCKET}.`;
const WITHIN_MS = 5_000;

/**
 * The cancelled messages that a lane, a schedule or a running call still holds, as every process knows them without
 * asking: a worker looks here before each call, and is told while it calls. They lie in a key-value bucket, one key for
 * each message, which the event log's set-up has made.
 *
 * Only what the log has counted as cancelled may be added, so an entry is never a wish. Whoever takes the message off
 * its lane or drops its schedule removes the entry; what is left behind by a crash goes by its age.
 *
 * A write into a bucket is also an ordinary message on its subject, so a plain subscription brings it to every process
 * at once. It brings nothing of what was written while the connection was away: the keys are read at the start and
 * after each return of the connection, always with the subscription standing, so that nothing falls between the two.
 */
@Injectable()
export class Cancellations implements OnModuleInit, OnApplicationShutdown {
  private readonly ids = new Set<string>();
  private readonly listeners = new Set<(messageId: string) => void>();
  private bucket: Promise<KV> | null = null;
  private subscription: Subscription | null = null;
  private stopWatching: (() => void) | null = null;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws when the bucket can't be read */
  async onModuleInit(): Promise<void> {
    this.subscription = this.nats.subscribe(`${SUBJECT}*`, {
      callback: (error, message) => {
        if (error === null) this.heard(message);
      },
    });
    await this.read();
    this.stopWatching = ConnectionWatch.of(this.nats).onUp(() => this.readAgain());
  }

  onApplicationShutdown(): void {
    this.stopWatching?.();
    this.subscription?.unsubscribe();
    this.subscription = null;
  }

  /** From memory. */
  has(messageId: string): boolean {
    return this.ids.has(messageId);
  }

  /** Calls the listener with each message that is added, by any process. Returns the way to stop listening. */
  onAdded(listener: (messageId: string) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * Resolves when the entry is durable; by then it is on its way to all workers.
   * @throws when the broker did not confirm it; adding it again does no harm
   */
  async add(messageId: string): Promise<void> {
    const bucket = await this.open();
    await bucket.put(messageId, '', { timeout: WITHIN_MS });
  }

  /** Forgets it here at once, and everywhere soon. Neither waits nor throws. */
  remove(messageId: string): void {
    if (!this.ids.delete(messageId)) return;
    this.open()
      .then((bucket) => bucket.delete(messageId))
      .catch((error: unknown) =>
        this.logger.debug({ err: error, ...aboutMessage(messageId) }, 'a cancellation is left to its age'),
      );
  }

  private heard({ subject, headers }: Msg): void {
    const messageId = subject.slice(SUBJECT.length);
    if (headers?.has('KV-Operation') || headers?.has('Nats-Marker-Reason')) this.ids.delete(messageId);
    else this.added(messageId);
  }

  private added(messageId: string): void {
    if (this.ids.has(messageId)) return;
    this.ids.add(messageId);
    for (const listener of this.listeners) listener(messageId);
  }

  private async read(): Promise<void> {
    const bucket = await this.open();
    for await (const messageId of await bucket.keys()) this.added(messageId);
  }

  private readAgain(): void {
    this.read().catch((error: unknown) =>
      this.logger.warn({ err: error }, 'cancellations made while the connection was away are not known yet'),
    );
  }

  private open(): Promise<KV> {
    this.bucket ??= new Kvm(this.nats).open(CANCELLATIONS_BUCKET, { allow_direct: true });
    this.bucket.catch(() => {
      this.bucket = null;
    });
    return this.bucket;
  }
}

/**
 * Which messages are cancelled, known in memory before any worker or relay starts.
 * Left out: cancelling, which is the submission's, and what becomes of a call, which is the worker's.
 */
@Module({ imports: [EventLogModule], providers: [Cancellations], exports: [Cancellations] })
export class CancellationModule {}
