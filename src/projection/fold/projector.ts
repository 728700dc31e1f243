import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { backoffDelayMs } from '../../domain/message/backoff.policy.js';
import type { MessageState } from '../../domain/message/message.state.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { RecordRange } from '../../log/record-ranges.policy.js';
import type { Sources } from '../../platform/clock.js';
import { LogComparison } from '../agreement/log-comparison.js';
import { refuseDamage } from '../agreement/log-damage.errors.js';
import type { ChangedMessage, Changes, Erased } from '../tables/changes.js';
import { type Checkpoint, readCheckpoint } from '../tables/checkpoint.js';
import { databaseOf } from '../tables/data-source.js';
import { codeOf } from '../tables/database.errors.js';
import { RowWriter } from '../write/row-writer.js';
import type { BatchingDelay } from './batching-delay.js';
import { foldLog } from './fold-log.js';
import { passExplained } from './gap-guard.js';
import type { ProjectedTraces } from './projected-traces.policy.js';
import {
  IDLE_PROJECTOR,
  type ProcessProjector,
  type ProjectionStop,
  type ProjectorHealth,
} from './projector.port.js';
import { projectorVerdict } from './projector-failure.policy.js';
import { ProjectorSession } from './projector-session.js';
import { tellingStrays } from './telling-strays.js';
import type { TurnRelay } from './turn-relay.js';
import type { WebhookRelay } from './webhook-relay.js';

const STANDBY_POLL_MS = 1_000;
const LAG_POLL_MS = 1_000;
/** Where the tables stand still and had all of the log, it is read again after so many of them. */
const QUIET_POLLS = 5;
const STOPPED_POLL_MS = 2_000;
const BACKOFF = { baseDelayMs: 200, maxDelayMs: 10_000 };
/** Whoever watches says so several times within it. */
const WATCHED_MS = 15_000;

export interface ProjectorParts {
  readonly log: EventLog;
  readonly dataSource: DataSource;
  readonly logger: Logger;
  readonly sources: Sources;
  /** Events folded in one transaction. */
  readonly maxBatch: number;
  readonly delay?: BatchingDelay | undefined;
  /** Tells everybody how far the tables are; called after each commit. `run` is another one each time it begins anew. */
  readonly announce: (applied: number, run: string) => void;
  /** Is told when the projector stops by itself, and a person has to look. */
  readonly onStopped?: (stop: ProjectionStop) => void;
  /** Is told of every change of `health`. */
  readonly onHealth?: (health: ProjectorHealth) => void;
  /** Is told what each commit changed, while somebody watches. */
  readonly onChanged?: (changes: Changes) => void;
  /** Is told after each commit what it wrote of messages whose traces are kept; absent where nobody keeps any. */
  readonly onTraced?: ((traced: ProjectedTraces) => void) | undefined;
  /** Learns after each commit which turns of conversations were held, ended, or moved. */
  readonly turns?: Pick<TurnRelay, 'begin' | 'moved' | 'idle'>;
  /** Learns after each commit which webhooks are to be tried at once. */
  readonly webhooks?: Pick<WebhookRelay, 'begin' | 'begun' | 'idle'>;
}

/**
 * Keeps the tables up with the log, in exactly one of the processes that share a schema.
 *
 * - Standing by: connected, asks for the lock each second.
 * - Active: holds the lock; reads from the checkpoint on, folds, writes, announces.
 * - Retrying: a server was away. The session is closed (which frees the lock for another process), and after a backoff
 *   it stands by again. What was not committed is read again from the checkpoint.
 * - Fenced: a rebuild swapped the tables. Still active; reads the new checkpoint and goes on from there.
 * - Stopped by itself: the log holds what can't be folded, or is another log. It never skips: `health` says why, the
 *   lock is free, so that a process of a newer version may take over and do better. It stands by again once somebody
 *   moved the tables: such a process, or a rebuild.
 */
export class Projector implements ProcessProjector {
  private readonly stopping = new AbortController();
  private work: Promise<void> | null = null;
  private state: ProjectorHealth = IDLE_PROJECTOR;
  /** By a clock that only goes forward. */
  private watchedUntilMs = 0;

  constructor(private readonly parts: ProjectorParts) {}

  get health(): ProjectorHealth {
    return this.state;
  }

  start(): void {
    if (this.work !== null) return;
    this.update({ running: true });
    this.work = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.work;
  }

  watch(): void {
    this.watchedUntilMs = performance.now() + WATCHED_MS;
    if (this.state.active) this.tellWatchers(this.state.applied, this.state.applied, [], []);
  }

  private tellWatchers(
    from: number,
    to: number,
    messages: readonly MessageState[] | null,
    erased: readonly Erased[],
  ): void {
    if (performance.now() >= this.watchedUntilMs) return;
    this.parts.onChanged?.({ from, to, messages: messages === null ? null : changed(messages), erased });
  }

  private async run(): Promise<void> {
    for (let failures = 0; !this.stopping.signal.aborted; ) {
      try {
        await this.standByThenLead();
      } catch (error) {
        if (this.stopping.signal.aborted) break;
        failures = this.state.active ? 1 : failures + 1;
        if (this.survives(error)) {
          await this.pause(backoffDelayMs(failures, BACKOFF, this.parts.sources.random()));
        } else {
          await this.untilTablesMove();
        }
      }
    }
    this.update({ running: false, active: false });
  }

  /** False when this failure ends the projector. */
  private survives(error: unknown): boolean {
    const { message } = error as Error;
    const stops = projectorVerdict(codeOf(error)) === 'stop';
    this.update({ active: false, lag: null, error: message, running: !stops });
    if (stops) {
      this.parts.logger.fatal({ err: error }, 'The projection has stopped: it can not go on by itself');
      this.parts.onStopped?.({ code: codeOf(error), message, applied: this.state.applied });
    } else this.parts.logger.warn({ err: error }, 'The projection is interrupted and will try again');
    return !stops;
  }

  private async untilTablesMove(): Promise<void> {
    const stoppedAt = await this.tablesAt();
    while (!this.stopping.signal.aborted) {
      await this.pause(STOPPED_POLL_MS);
      const now = await this.tablesAt();
      if (now !== null && now !== stoppedAt) return this.update({ running: true });
    }
  }

  /** Null when PostgreSQL does not tell. */
  private async tablesAt(): Promise<string | null> {
    const { dataSource } = this.parts;
    return readCheckpoint(dataSource, databaseOf(dataSource).schema).then(
      ({ generation, sequence }) => `${generation} ${sequence}`,
      () => null,
    );
  }

  private async standByThenLead(): Promise<void> {
    const { url, schema } = databaseOf(this.parts.dataSource);
    const session = await ProjectorSession.open(url, `llmq projector ${schema}`);
    const signal = AbortSignal.any([this.stopping.signal, session.lost]);
    try {
      while (!(await session.tryLock())) {
        this.update({ error: null });
        await this.pause(STANDBY_POLL_MS, signal);
        session.lost.throwIfAborted();
        if (signal.aborted) return;
      }
      await this.lead(session, schema, signal);
      session.lost.throwIfAborted();
    } finally {
      await session.close();
    }
  }

  private async lead(session: ProjectorSession, schema: string, signal: AbortSignal): Promise<void> {
    this.parts.logger.info('This process projects the event log');
    while (!signal.aborted) {
      try {
        await this.leadUntilFenced(session, schema, signal);
      } catch (error) {
        if (projectorVerdict(codeOf(error)) !== 'reread') throw error;
        this.parts.logger.info('The projection was rebuilt; going on from its checkpoint');
      }
    }
  }

  private async leadUntilFenced(
    session: ProjectorSession,
    schema: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { log, dataSource, maxBatch, delay, sources, announce, turns, webhooks, onTraced } = this.parts;
    const from = await readCheckpoint(session.client, schema);
    const comparison = new LogComparison(log);
    refuseDamage(await comparison.look(from, signal));
    const logEnd = comparison.lastSequence;
    let reached = from;
    const run = sources.newId();
    const applied = (sequence: number, endsToTell = this.state.endsToTell) => {
      this.update({ active: true, applied: sequence, endsToTell, error: null });
      announce(sequence, run);
    };
    // What was committed before may not be told yet.
    applied(from.sequence, from.sequence);
    // What was committed before is not told again: who watches looks for itself.
    this.tellWatchers(from.sequence, from.sequence, null, []);
    const ended = new AbortController();
    const inner = AbortSignal.any([signal, ended.signal]);
    const watching = this.watchLog(comparison, () => reached, inner).catch((error: unknown) =>
      ended.abort(error),
    );
    try {
      const newWriter = () => new RowWriter(session.client, schema);
      const passGap = (gap: RecordRange) => passExplained(comparison.gaps, log, gap, inner);
      const lossAccepted = () => comparison.gaps.hasAcceptedLoss;
      const target = {
        log: tellingStrays(log, this.parts.logger),
        schema,
        newWriter,
        dataSource,
        maxBatch,
        delay,
        passGap,
        lossAccepted,
        tellsMessages: true,
        tracesAt: onTraced === undefined ? undefined : sources.nowMs,
      };
      turns?.begin(inner);
      webhooks?.begin(from.sequence, logEnd, inner);
      await foldLog(target, from, inner, (checkpoint, change) => {
        reached = checkpoint;
        applied(checkpoint.sequence, change.lastToTell ?? undefined);
        this.tellWatchers(change.from, checkpoint.sequence, change.messages, change.erased);
        turns?.moved(change.turns, inner);
        webhooks?.begun(change.webhooks, checkpoint.sequence);
        if (change.traced !== null) onTraced?.({ ...change.traced, toMs: sources.nowMs() });
      });
      if (ended.signal.aborted) throw ended.signal.reason;
    } finally {
      ended.abort();
      await Promise.all([watching, turns?.idle(), webhooks?.idle()]);
    }
  }

  /** @throws {LogMismatchError} {LogDamagedError} when the log came back as another one, or has lost records */
  private async watchLog(
    comparison: LogComparison,
    reached: () => Checkpoint,
    signal: AbortSignal,
  ): Promise<void> {
    for (let quiet = 0, seen = -1; !signal.aborted; await this.pause(LAG_POLL_MS, signal)) {
      const checkpoint = reached();
      quiet = checkpoint.sequence === seen && this.state.lag === 0 ? quiet + 1 : 0;
      if (quiet % QUIET_POLLS !== 0) continue;
      seen = checkpoint.sequence;
      const last = await this.lookAtLog(comparison, checkpoint, signal).catch((error: unknown) => {
        // While the broker is away the lag is unknown; reading goes on by itself when it is back.
        if (projectorVerdict(codeOf(error)) === 'stop') throw error;
        return null;
      });
      this.update({ lag: last === null ? null : Math.max(0, last - this.state.applied) });
    }
  }

  /** Returns the log's last sequence. */
  private async lookAtLog(
    comparison: LogComparison,
    checkpoint: Checkpoint,
    signal: AbortSignal,
  ): Promise<number> {
    refuseDamage(await comparison.look(checkpoint, signal));
    return comparison.lastSequence;
  }

  private async pause(ms: number, signal: AbortSignal = this.stopping.signal): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => {});
  }

  private update(change: Partial<ProjectorHealth>): void {
    const before = this.state;
    this.state = { ...before, ...change };
    if (isDeepStrictEqual(before, this.state)) return;
    this.parts.onHealth?.(this.state);
  }
}

/** Each message once. */
function changed(messages: readonly MessageState[]): ChangedMessage[] {
  const owners = new Map<string, ChangedMessage>();
  for (const { id, tenant, userId, conversationId } of messages) {
    owners.set(id, { id, tenant, userId, conversationId });
  }
  return [...owners.values()];
}
