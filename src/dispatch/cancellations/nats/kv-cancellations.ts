import { type KV, Kvm } from '@nats-io/kv';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { ConnectionWatch } from '../../../broker/connection-watch.js';
import { CANCELLATIONS_BUCKET } from '../../../broker/streams.js';
import type { Cancellations } from '../cancellations.port.js';

const SUBJECT = `$KV.${CANCELLATIONS_BUCKET}.`;
const WITHIN_MS = 5_000;

/**
 * Cancellations in a key-value bucket, one key for each message.
 *
 * A write into a bucket is also an ordinary message on its subject, so a plain subscription brings it to every process
 * at once. It brings nothing of what was written while the connection was away: the keys are read at the start and
 * after each return of the connection, always with the subscription standing, so that nothing falls between the two.
 */
export class KvCancellations implements Cancellations {
  private readonly ids = new Set<string>();
  private readonly listeners = new Set<(messageId: string) => void>();
  private bucket: Promise<KV> | null = null;
  private subscription: Subscription | null = null;
  private stopWatching: (() => void) | null = null;

  constructor(
    private readonly nats: NatsConnection,
    private readonly logger: Logger,
  ) {}

  /** @throws when the bucket can't be read */
  async start(): Promise<void> {
    this.subscription = this.nats.subscribe(`${SUBJECT}*`, {
      callback: (error, message) => {
        if (error === null) this.heard(message);
      },
    });
    await this.read();
    this.stopWatching = ConnectionWatch.of(this.nats).onUp(() => this.readAgain());
  }

  stop(): void {
    this.stopWatching?.();
    this.subscription?.unsubscribe();
    this.subscription = null;
  }

  has(messageId: string): boolean {
    return this.ids.has(messageId);
  }

  onAdded(listener: (messageId: string) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  async add(messageId: string): Promise<void> {
    const bucket = await this.open();
    await bucket.put(messageId, '', { timeout: WITHIN_MS });
  }

  remove(messageId: string): void {
    if (!this.ids.delete(messageId)) return;
    this.open()
      .then((bucket) => bucket.delete(messageId))
      .catch((error: unknown) =>
        this.logger.debug({ err: error, messageId }, 'a cancellation is left to its age'),
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

  /** Made by the event log's set-up, so that it is only bound here. */
  private open(): Promise<KV> {
    this.bucket ??= new Kvm(this.nats).open(CANCELLATIONS_BUCKET, { allow_direct: true });
    this.bucket.catch(() => {
      this.bucket = null;
    });
    return this.bucket;
  }
}
