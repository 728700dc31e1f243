import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { AdminEvent, AdminEventType } from '../../domain/admin/admin.events.js';
import { isAdminEvent } from '../../domain/log-event.events.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import { MalformedEventError } from '../event-log.errors.js';
import type { EventLog } from '../event-log.port.js';

type Fold<T extends AdminEventType> = (event: Extract<AdminEvent, { type: T }>, sequence: number) => void;

interface Waiter {
  readonly sequence: number;
  readonly reached: () => void;
}

const MAX_BATCH = 1_000;
const BETWEEN_TRIES_MS = 500;

/**
 * Tells a process of everything that admins ever changed, in the log's order, from the first event on: what is built
 * from it lives in memory, is the same in every process, and needs no table. Three phases: folds are given (`on`), the
 * past is replayed (`start`, which ends when all that the log held at its call is folded), and then events are folded
 * as they are stored, some milliseconds later.
 *
 * A broker that goes away costs nothing but the time that it is away. An event that this version does not understand
 * is passed over with an error in the log: another version's admin must not take this process down.
 */
@Injectable()
export class AdminFollower {
  private readonly folds = new Map<string, ((event: AdminEvent, sequence: number) => void)[]>();
  private readonly waiters = new Set<Waiter>();
  private readonly end = new AbortController();
  private applied = 0;
  private running: Promise<void> | null = null;

  constructor(
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Calls `fold` for each event of the type, of all tenants, with its place in the log. A fold must not throw.
   * @throws {Error} after the start, since the fold would miss what went before
   */
  on<T extends AdminEventType>(type: T, fold: Fold<T>): void {
    if (this.running !== null) throw new Error(`Too late to follow ${type}: the past is folded already.`);
    this.folds.set(type, [
      ...(this.folds.get(type) ?? []),
      fold as (event: AdminEvent, sequence: number) => void,
    ]);
  }

  /** @returns whether all that the log held was folded within this time; reading goes on either way */
  async start(timeoutMs: number): Promise<boolean> {
    const newest = await this.log.lastSequence('admin');
    this.running ??= this.run();
    return this.waitFor(newest, timeoutMs);
  }

  /** Resolves true once the event at `sequence`, an admin's, is folded here; false when the time is over first. */
  waitFor(sequence: number, timeoutMs: number): Promise<boolean> {
    if (this.applied >= sequence) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (reached: boolean) => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        resolve(reached);
      };
      const waiter = { sequence, reached: () => finish(true) };
      const timer = setTimeout(() => finish(false), timeoutMs);
      this.waiters.add(waiter);
    });
  }

  async stop(): Promise<void> {
    this.end.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.end;
    while (!signal.aborted) {
      try {
        await this.follow();
      } catch (error) {
        if (error instanceof MalformedEventError && error.sequence !== null) this.passOver(error);
        else this.logger.error({ err: error }, 'following what admins change was interrupted; reading on');
        await sleep(BETWEEN_TRIES_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async follow(): Promise<void> {
    const options = { signal: this.end.signal, maxBatch: MAX_BATCH, only: 'admin' } as const;
    for await (const batch of this.log.read(this.applied + 1, options)) {
      for (const { event, sequence } of batch) {
        if (isAdminEvent(event)) this.fold(event, sequence);
        this.advance(sequence);
      }
    }
  }

  private fold(event: AdminEvent, sequence: number): void {
    for (const fold of this.folds.get(event.type) ?? []) fold(event, sequence);
  }

  private passOver(error: MalformedEventError): void {
    this.logger.error({ err: error }, "an admin's event is passed over: this version does not understand it");
    this.advance(error.sequence ?? this.applied);
  }

  private advance(sequence: number): void {
    this.applied = sequence;
    for (const waiter of [...this.waiters]) if (waiter.sequence <= sequence) waiter.reached();
  }
}
