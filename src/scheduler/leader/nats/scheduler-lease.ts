import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { z } from 'zod';
import { CompareAndSetBucket } from '../../../broker/compare-and-set-bucket.js';
import { SCHEDULER_BUCKET } from '../../../broker/streams.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import { ScaleDecisions } from '../../scale-decisions.js';
import { HOLDS_MS, type Lease, nextLease, RENEWED_EVERY_MS, type SeenLease, seen } from '../lease.policy.js';

const KEY = 'leader';
/** Shorter than the lease holds, so that one answer that is lost costs no leader. */
const BROKER_ANSWERS_WITHIN_MS = 1_500;

const leaseSchema = z.object({
  holder: z.string(),
  term: z.number().int().positive(),
  released: z.boolean(),
});

/**
 * This process's part in the choice of the leader: it holds the lease, or watches it, or (stopped) does neither.
 * What it decides by the lease it must check at the last moment: `term` is null as soon as the lease may be another's.
 */
@Injectable()
export class SchedulerLease {
  private readonly bucket: CompareAndSetBucket<Lease>;
  private readonly me: string;
  private lease: SeenLease | null = null;
  /** As read last; kept over failures of the broker, so that the time of a lease does not begin anew with each of them. */
  private watched: SeenLease | null = null;
  private held: { readonly term: number; readonly untilMs: number } | null = null;
  private running: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private wake: () => void = () => undefined;
  private isStopped = true;

  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'steadyMs' | 'newId'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(ScaleDecisions) private readonly decisions: Pick<ScaleDecisions, 'highestTerm'>,
  ) {
    const parse = (json: unknown) => leaseSchema.parse(json);
    this.bucket = new CompareAndSetBucket(nats, SCHEDULER_BUCKET, parse, BROKER_ANSWERS_WITHIN_MS);
    this.me = sources.newId();
  }

  /** Of this leader; null where this process does not lead, or may not any more. */
  get term(): number | null {
    const { held } = this;
    return held !== null && this.sources.steadyMs() < held.untilMs ? held.term : null;
  }

  /** Its name in decisions. */
  get holder(): string {
    return this.me;
  }

  start(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    this.running = this.run();
  }

  /** Gives the lease back, so that another one leads at once. */
  async stop(): Promise<void> {
    if (this.isStopped) return;
    this.isStopped = true;
    this.wake();
    await this.running;
    const wasHeld = this.held !== null;
    this.held = null;
    if (!wasHeld || this.lease === null) return;
    const released = { ...this.lease.lease, released: true };
    await this.bucket.write(KEY, released, this.lease.revision).catch(() => null);
    this.lease = null;
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      try {
        await this.turn();
      } catch (err) {
        // What is in doubt is read again: it may have been written.
        this.lease = null;
        this.logger.debug({ err }, 'the lease of the schedulers could not be read or written');
      }
      await this.pause();
    }
  }

  private async turn(): Promise<void> {
    if (this.held === null || this.lease === null) await this.look();
    const next = nextLease(this.lease, this.me, this.sources.steadyMs(), this.decisions.highestTerm);
    if (next === null) return;
    const sentMs = this.sources.steadyMs();
    const revision = await this.bucket.write(KEY, next.lease, next.over);
    if (revision === null) {
      this.lost();
      return;
    }
    if (this.held?.term !== next.lease.term) {
      this.logger.info({ term: next.lease.term }, 'this process leads the schedulers');
    }
    this.lease = { lease: next.lease, revision, sinceMs: this.sources.steadyMs() };
    this.held = { term: next.lease.term, untilMs: sentMs + HOLDS_MS };
  }

  private async look(): Promise<void> {
    const entry = await this.bucket.read(KEY);
    this.lease = entry === null ? null : seen(this.watched, entry, this.sources.steadyMs());
    this.watched = this.lease;
    if (this.lease?.lease.holder !== this.me) this.held = null;
  }

  private lost(): void {
    if (this.held !== null) this.logger.warn('another process leads the schedulers now');
    this.held = null;
    this.lease = null;
  }

  private pause(): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.wake = () => {
        if (this.timer !== null) clearTimeout(this.timer);
        resolve();
      };
      this.timer = setTimeout(this.wake, RENEWED_EVERY_MS);
    });
  }
}
