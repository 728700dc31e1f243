import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { ANSWER_LISTENER, type AnswerListener } from '../../../dispatch/answers/answers.port.js';
import type { EventLog } from '../../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { EVENT_LOG, LOGGER } from '../../../platform/tokens.js';
import {
  HOLDS_MS,
  nextLease,
  RENEWED_EVERY_MS,
  type SeenLease,
  seen,
} from '../../../scheduler/leader/lease.policy.js';
import { CancelMessage } from '../../../submission/cancel-message.js';
import { SubmitOnce } from '../../../submission/idempotency/submit-once.js';
import { MessageLookup } from '../../../submission/message-lookup.js';
import { SubmitMessage } from '../../../submission/submit-message.js';
import { AnswerWait } from '../../../submission/waiting/answer-wait.js';
import { type Batch, type BatchStatus, hasEnded, isToTell } from '../batch.state.js';
import { Batches } from '../batches.js';
import { Files } from '../files/files.js';
import { BATCH_LINES, type BatchLines } from '../lines/batch-lines.port.js';
import { type BatchLease, BatchLeases } from '../nats/batch-leases.js';
import { BatchRecords } from '../nats/batch-records.js';
import { BatchCounts } from './batch-counts.js';
import { BatchJob, type BatchJobParts } from './batch-job.js';
import { BatchRecord, LeaseLostError } from './batch-record.js';
import { BatchTeller } from './batch-teller.js';
import { inTurnOfTenants } from './turns-of-tenants.policy.js';

/** Each takes a write; those that are held have to be renewed meanwhile. */
const TOLD_FROM_A_LOOK = 20;

/** After a job has failed, or found nothing to do. */
const PAUSE_MS = 3_000;

/** A batch that is offered and not written by then never will be: whoever wanted it was told so, or is gone. */
const MISSING_MS = 10 * 60_000;

/** A batch that this process carries out. */
interface Held {
  lease: BatchLease;
  revision: number;
  /** By the steady clock: until then nobody else takes it. */
  untilMs: number;
  readonly stop: AbortController;
  job: BatchJob | null;
  done: Promise<void>;
}

/**
 * This process's part in carrying batches out. Each batch that has not ended has a lease, by the rules of `lease.policy`:
 * one process holds it, renews it each second, and stops before another one may take it over. So a batch whose process was
 * killed goes on after some seconds, in any process with this role.
 *
 * What a holder that stood still may do too late is covered too: it writes the batch by compare-and-set, its messages have
 * the ids that the next holder gives them, and results are made of the log.
 */
@Injectable()
export class BatchRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly counts = new BatchCounts();
  /** Batches that no process carries out yet, as this one saw it last. */
  waiting = 0;
  private readonly me: string;
  private readonly parts: BatchJobParts;
  private readonly atOnce: number;
  private readonly watched = new Map<string, SeenLease>();
  private readonly held = new Map<string, Held>();
  private readonly notBeforeMs = new Map<string, number>();
  /** Those whose end is counted, until their clients were told of it too. */
  private readonly ended = new Set<string>();
  private readonly missingSinceMs = new Map<string, number>();
  private timer: NodeJS.Timeout | null = null;
  private turn: Promise<void> | null = null;
  private isStopping = false;

  constructor(
    private readonly batches: Batches,
    private readonly leases: BatchLeases,
    private readonly records: BatchRecords,
    private readonly teller: BatchTeller,
    files: Files,
    submit: SubmitMessage,
    submitOnce: SubmitOnce,
    answerWait: AnswerWait,
    cancelMessage: CancelMessage,
    lookup: MessageLookup,
    @Inject(BATCH_LINES) lines: BatchLines,
    @Inject(ANSWER_LISTENER) answers: AnswerListener,
    @Inject(EVENT_LOG) log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SERVICE_CONFIG) { batches: settings }: Pick<ServiceConfig, 'batches'>,
  ) {
    this.me = sources.newId();
    this.atOnce = settings.at_once;
    this.parts = {
      ...{
        files,
        submit,
        submitOnce,
        answerWait,
        cancelMessage,
        lookup,
        lines,
        answers,
        log,
        sources,
        logger,
      },
      ...{ mostLines: settings.max_lines, mostInFlight: settings.lines_in_flight, counts: this.counts },
    };
  }

  /** Of the batches that this process carries out. */
  statuses(): BatchStatus[] {
    return [...this.held.values()].flatMap(({ lease, job }) =>
      lease.telling || job === null ? [] : [job.status],
    );
  }

  onApplicationBootstrap(): void {
    this.batches.whenNews(() => {
      for (const { job } of this.held.values()) job?.lookNow();
      void this.look();
    });
    this.timer = setInterval(() => void this.look(), RENEWED_EVERY_MS).unref();
    void this.look();
  }

  /** Gives back what it holds, so that others go on at once. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    if (this.timer !== null) clearInterval(this.timer);
    await this.turn;
    const all = [...this.held.values()];
    for (const { stop } of all) stop.abort(new LeaseLostError('The service stops.'));
    await Promise.allSettled(
      all.map(async (held) => {
        await held.done;
        await this.leases.write({ ...held.lease, released: true }, held.revision);
      }),
    );
  }

  private look(): Promise<void> {
    this.turn ??= this.lookNow()
      .catch((err: unknown) => this.logger.debug({ err }, 'the leases of batches could not be looked at'))
      .finally(() => {
        this.turn = null;
      });
    return this.turn;
  }

  private async lookNow(): Promise<void> {
    this.stopLate();
    const entries = await this.leases.list();
    const nowMs = this.sources.steadyMs();
    const there = new Set(entries.map(({ value }) => value.id));
    for (const id of this.watched.keys()) if (!there.has(id)) this.watched.delete(id);
    for (const id of this.notBeforeMs.keys()) if (!there.has(id)) this.notBeforeMs.delete(id);
    for (const id of this.ended) if (!there.has(id)) this.ended.delete(id);
    const renewals: Promise<void>[] = [];
    for (const { value: lease, revision } of entries) {
      this.watched.set(lease.id, seen(this.watched.get(lease.id) ?? null, { value: lease, revision }, nowMs));
      const held = this.held.get(lease.id);
      if (held !== undefined) renewals.push(this.renew(held));
    }
    await Promise.all(renewals);
    const free = entries.map(({ value }) => value).filter((lease) => this.nextOf(lease) !== null);
    let telling = 0;
    for (const lease of inTurnOfTenants(free, this.carried())) {
      if (lease.telling) telling += 1;
      if (!lease.telling || telling <= TOLD_FROM_A_LOOK) await this.maybeTake(lease);
    }
    this.waiting = entries.filter(({ value: { id, telling } }) => !telling && this.isFree(id)).length;
  }

  private carried(): BatchLease[] {
    return [...this.held.values()].flatMap(({ lease }) => (lease.telling ? [] : [lease]));
  }

  /** What to write to take it; null while it is not to be had. */
  private nextOf({ id }: BatchLease): ReturnType<typeof nextLease> {
    const nowMs = this.sources.steadyMs();
    if (nowMs < (this.notBeforeMs.get(id) ?? 0)) return null;
    return this.isFree(id) ? nextLease(this.watched.get(id) ?? null, this.me, nowMs) : null;
  }

  private isFree(id: string): boolean {
    const nowMs = this.sources.steadyMs();
    return !this.held.has(id) && nextLease(this.watched.get(id) ?? null, this.me, nowMs) !== null;
  }

  private async renew(held: Held): Promise<void> {
    if (held.stop.signal.aborted) return;
    const sentMs = this.sources.steadyMs();
    try {
      const revision = await this.leases.write(held.lease, held.revision);
      if (revision === null)
        held.stop.abort(new LeaseLostError('Another process carries the batch out now.'));
      else {
        held.revision = revision;
        held.untilMs = sentMs + HOLDS_MS;
      }
    } catch (err) {
      // In doubt: the next write finds out, and until then the time of the last one counts.
      this.logger.debug({ err, batch: held.lease.id }, 'the lease of a batch was not renewed');
    }
    this.stopLate();
  }

  private stopLate(): void {
    for (const { untilMs, stop } of this.held.values()) {
      if (this.sources.steadyMs() >= untilMs)
        stop.abort(new LeaseLostError('The lease could not be renewed.'));
    }
  }

  private async maybeTake(lease: BatchLease): Promise<void> {
    if (this.isStopping || (!lease.telling && this.carried().length >= this.atOnce)) return;
    const nowMs = this.sources.steadyMs();
    const next = this.nextOf(lease);
    if (next === null) return;
    const taken = { ...lease, ...next.lease };
    const revision = await this.leases.write(taken, next.over);
    if (revision === null) return;
    const held: Held = {
      ...{ lease: taken, revision, untilMs: nowMs + HOLDS_MS, stop: new AbortController() },
      ...{ job: null, done: Promise.resolve() },
    };
    this.held.set(lease.id, held);
    held.done = this.carryOut(held);
  }

  /** Never rejects. */
  private async carryOut(held: Held): Promise<void> {
    const { id, tenant } = held.lease;
    const { signal } = held.stop;
    try {
      const entry = await this.records.read(tenant, id);
      if (entry === null) await this.withoutBatch(id);
      else {
        const isHeld = () => !signal.aborted && this.sources.steadyMs() < held.untilMs;
        const record = new BatchRecord(this.records, entry.value, entry.revision, isHeld);
        held.job = new BatchJob(this.parts, record, signal);
        const isCounted = isOfAnother(entry.value) || this.ended.has(id);
        await held.job.run();
        const { status, completed, failed } = record.known;
        this.ended.add(id);
        if (!isCounted) {
          this.counts.batchEnded(status);
          this.logger.info({ batch: id, status, completed, failed }, 'a batch has ended');
        }
        // Whoever takes it over knows by this that it takes no place.
        held.lease = { ...held.lease, telling: true };
        do await this.teller.tell(record, signal);
        while (isToTell(await record.refresh()));
        signal.throwIfAborted();
        await this.leases.remove(id);
        // It may have been asked to tell once more between the two, and the offer for that was taken away too.
        if (isToTell(await record.refresh())) await this.leases.offer(record.known, { telling: true });
      }
    } catch (err) {
      this.notBeforeMs.set(id, this.sources.steadyMs() + PAUSE_MS);
      if (!signal.aborted) this.logger.warn({ err, batch: id }, 'a batch was interrupted, and goes on soon');
    } finally {
      this.held.delete(id);
    }
  }

  /** Its client was cut off in the middle of making it, or has not written it yet. */
  private async withoutBatch(id: string): Promise<void> {
    const nowMs = this.sources.steadyMs();
    this.notBeforeMs.set(id, nowMs + PAUSE_MS);
    const sinceMs = this.missingSinceMs.get(id) ?? nowMs;
    this.missingSinceMs.set(id, sinceMs);
    if (nowMs - sinceMs < MISSING_MS) return;
    this.missingSinceMs.delete(id);
    await this.leases.remove(id);
  }
}

/** Another process has brought it to its end, and did not tell of it: not so where its client cancelled it in time. */
function isOfAnother(batch: Batch): boolean {
  const isOfClient = batch.status === 'cancelled' && batch.times.in_progress === undefined;
  const isTelling = batch.webhook !== null && (batch.webhook.tries > 0 || batch.webhook.round > 1);
  return hasEnded(batch) && (isTelling || !isOfClient);
}
