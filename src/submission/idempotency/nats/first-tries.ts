import { JetStreamError, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { z } from 'zod';
import { ConnectionWatch } from '../../../broker/connection-watch.js';
import { TRIES_KEPT_MS, TRIES_STREAM, TRIES_SUBJECT } from '../../../broker/streams.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import { KnownTries, type Try } from '../known-tries.js';

/** Tries within this time are told together: some may be lost with this process, and none costs a message of its own. */
const TOLD_WITHIN_MS = 100;
const BATCH = 500;
const READ_WITHIN_MS = 5_000;

const toldSchema = z.object({
  at: z.number(),
  tries: z.array(z.tuple([z.string(), z.string().nullable()])),
});

/**
 * Which requests became which messages, as every process knows it without asking: SDKs repeat a request that failed or
 * took too long, without any key, and mostly to another process. A try is kept in memory at once and told to the others
 * soon, many at a time; a process that starts, or was cut off, reads what was told before.
 */
@Injectable()
export class FirstTries implements OnModuleInit, OnApplicationShutdown {
  private readonly known = new KnownTries(TRIES_KEPT_MS);
  private untold: Try[] = [];
  private timer: NodeJS.Timeout | null = null;
  private subscription: Subscription | null = null;
  private stopWatching: (() => void) | null = null;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'steadyMs'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    this.subscription = this.nats.subscribe(TRIES_SUBJECT, {
      callback: (error, message) => {
        if (error === null) this.hear(message.data);
      },
    });
    await this.read();
    this.stopWatching = ConnectionWatch.of(this.nats).onUp(() => void this.read());
  }

  onApplicationShutdown(): void {
    this.stopWatching?.();
    this.subscription?.unsubscribe();
    if (this.timer !== null) this.tell();
  }

  /** The message of the newest request with this digest; null for none within the last ten minutes. */
  find(digest: string): string | null {
    return this.known.find(digest, this.sources.steadyMs());
  }

  remember(digest: string, messageId: string): void {
    this.add({ digest, messageId });
  }

  /** Nothing is left of it that a repeated request could wait for. */
  forget(digest: string): void {
    if (this.find(digest) !== null) this.add({ digest, messageId: null });
  }

  private add(each: Try): void {
    this.known.add(each, this.sources.steadyMs());
    this.untold.push(each);
    this.timer ??= setTimeout(() => this.tell(), TOLD_WITHIN_MS).unref();
  }

  private tell(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const tries = this.untold.map(({ digest, messageId }) => [digest, messageId]);
    this.untold = [];
    try {
      this.nats.publish(TRIES_SUBJECT, JSON.stringify({ at: this.sources.nowMs(), tries }));
    } catch (error) {
      this.logger.debug({ err: error }, 'other processes were not told of some requests');
    }
  }

  private hear(data: Uint8Array): void {
    const told = toldSchema.safeParse(parsed(data)).data;
    if (told === undefined) return;
    // Its age by the clocks of all, its end by our own, which nobody sets.
    const at = this.sources.steadyMs() - Math.max(0, this.sources.nowMs() - told.at);
    for (const [digest, messageId] of told.tries) {
      // Its own are known, and may be known better by now.
      if (this.known.find(digest, at) !== messageId) this.known.add({ digest, messageId }, at);
    }
  }

  /** Without it some requests may be carried out once more than they must, so it is no reason not to start. */
  private async read(): Promise<void> {
    try {
      const { direct } = await jetstreamManager(this.nats, { checkAPI: false, timeout: READ_WITHIN_MS });
      for (let from = 1, more = true; more; ) {
        let count = 0;
        const options = { seq: from, next_by_subj: TRIES_SUBJECT, batch: BATCH };
        for await (const { data, seq } of await direct.getBatch(TRIES_STREAM, options)) {
          this.hear(data);
          from = seq + 1;
          count += 1;
        }
        more = count === BATCH;
      }
    } catch (error) {
      // Nothing was told yet, or nothing more.
      if (isNothingThere(error)) return;
      this.logger.warn({ err: error }, 'the requests that other processes have seen are not known');
    }
  }
}

/** How a broker answers who asks for what lies behind the last message. */
function isNothingThere(error: unknown): boolean {
  return error instanceof JetStreamError && (error as { code?: unknown }).code === 404;
}

function parsed(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return null;
  }
}
