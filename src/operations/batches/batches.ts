import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import { type TraceContext, UNTRACED } from '../../domain/trace-context.policy.js';
import type { Callback } from '../../domain/webhook/callback.events.js';
import { LogRoom } from '../../log/room/log-room.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { Callbacks } from '../../submission/callbacks.js';
import type { Execution } from '../../submission/idempotency/execution.js';
import { refused, refusedField } from '../../submission/refusal.js';
import {
  type Batch,
  type BatchEndpoint,
  type BatchWebhook,
  cancelling,
  hasEnded,
  NO_LINES,
  resultFiles,
  toldAgain,
} from './batch.state.js';
import { isOfEarlierTry } from './earlier-try.policy.js';
import type { StoredFile } from './files/file.state.js';
import { Files } from './files/files.js';
import { type ListPage, type ListRequest, listPage } from './list-page.policy.js';
import { BatchLeases } from './nats/batch-leases.js';
import { BatchRecords } from './nats/batch-records.js';

export interface NewBatch {
  readonly inputFileId: string;
  readonly endpoint: BatchEndpoint;
  /** As its client wrote it. */
  readonly completionWindow: string;
  readonly windowMs: number;
  readonly metadata: Record<string, string> | null;
  readonly outputExpiresAfterS: number | null;
  /** Is told when the batch has ended; that of its API key or of the service when absent. */
  readonly callbackUrl?: string | undefined;
  /** Of the request; the webhook goes on with it. */
  readonly trace?: TraceContext;
}

/** What clients do with batches. Carrying them out is the runner's, which is told of news here. */
@Injectable()
export class Batches {
  private onNews: () => void = () => undefined;
  private readonly callbacks: Callbacks;

  constructor(
    private readonly files: Files,
    private readonly records: BatchRecords,
    private readonly leases: BatchLeases,
    @Inject(LogRoom) private readonly room: Pick<LogRoom, 'refusal'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'newId'>,
    @Inject(SERVICE_CONFIG) config: ServiceConfig,
  ) {
    this.callbacks = new Callbacks(config);
  }

  /** A batch that is new or changed need not wait for a runner to look by itself, where one is in this process. */
  whenNews(listener: () => void): void {
    this.onNews = listener;
  }

  /**
   * Resolves when it is durable, and some process is going to carry it out. Asked for again under the same
   * `Idempotency-Key`, it is the batch that an earlier run has made.
   *
   * @throws {RefusedError} `invalid_fields`, where there is no such file, or its receiver may not be called
   * @throws {LogFullError}
   * @throws {LogUnavailableError} it may be made
   */
  async create(
    caller: Caller,
    asked: NewBatch,
    execution: Pick<Execution, 'idAt' | 'again'> | null = null,
  ): Promise<Batch> {
    const full = this.room.refusal();
    if (full !== null) throw full;
    const seed = execution?.idAt(0) ?? this.sources.newId();
    const id = `batch_${seed.replaceAll('-', '')}`;
    const earlier = execution?.again ? await this.records.read(caller.tenant, id) : null;
    if (earlier) return earlier.value;
    const file = await this.files.find(caller.tenant, asked.inputFileId);
    if (file?.purpose !== 'batch') {
      throw refusedField('invalid_fields', 'input_file_id', 'names no file with the purpose batch');
    }
    const { windowMs, callbackUrl, trace = UNTRACED, ...fields } = asked;
    const callback = this.callbacks.callbackOf(caller, { callbackUrl });
    const { tenant, name, role, mostUrgent } = caller;
    const createdAtMs = this.sources.nowMs();
    const batch: Batch = {
      ...fields,
      ...{ id, tenant, seed },
      caller: { name, role, ...(mostUrgent === undefined ? {} : { mostUrgent }) },
      ...{ status: 'validating', ending: null, times: {}, model: null },
      ...{ createdAtMs, expiresAtMs: createdAtMs + windowMs },
      ...{ total: 0, lastLine: 0, completed: 0, failed: 0, mark: NO_LINES },
      ...{ refused: [], errors: [], usage: null, outputFileId: null, errorFileId: null },
      webhook: callback === null ? null : newWebhook(this.sources.newId(), callback, trace, createdAtMs),
    };
    // First the offer: without it nobody would ever look at the batch. Without the batch it is taken back.
    await this.leases.offer(batch);
    const isNew = (await this.records.write(batch, 0)) !== null;
    this.onNews();
    return isNew ? batch : (await this.stored(tenant, id)).value;
  }

  /** The batch that an earlier try of the same request has made; null where none has. @throws {LogUnavailableError} */
  async ofEarlierTry({ tenant, name }: Caller, asked: NewBatch): Promise<Batch | null> {
    const nowMs = this.sources.nowMs();
    const all = await this.records.list(tenant);
    return all.findLast((batch) => isOfEarlierTry(batch, asked, name, nowMs)) ?? null;
  }

  /** @throws {RefusedError} `not_found` @throws {LogUnavailableError} */
  async get({ tenant }: Caller, id: string): Promise<Batch> {
    return (await this.stored(tenant, id)).value;
  }

  /** Null where `after` names no batch. @throws {LogUnavailableError} */
  async list({ tenant }: Caller, request: ListRequest): Promise<ListPage<Batch> | null> {
    return listPage(await this.records.list(tenant), request);
  }

  /**
   * What is under way of it is cancelled soon; what has been answered until then is in its results.
   *
   * @throws {RefusedError} `not_found`, `already_terminal` @throws {LogUnavailableError} it may be cancelled
   */
  async cancel({ tenant }: Caller, id: string): Promise<Batch> {
    for (;;) {
      const { value: batch, revision } = await this.stored(tenant, id);
      const next = cancelling(batch, this.sources.nowMs());
      if (next === null) {
        const why = hasEnded(batch)
          ? `has ended already: it is ${batch.status}`
          : 'has no line left to cancel';
        throw refused('already_terminal', `The batch ${id} ${why}.`);
      }
      if (next !== batch && (await this.records.write(next, revision)) === null) continue;
      this.onNews();
      return next;
    }
  }

  /**
   * Has its webhook delivered once more, under the same id and with all its tries again, whatever has become of it. It is
   * its holder's to send.
   *
   * @throws {RefusedError} `not_found`, also where it has no webhook, and `not_ended`
   * @throws {LogUnavailableError} it may be delivered
   */
  async redeliver({ tenant }: Caller, id: string): Promise<Batch> {
    for (;;) {
      const { value: batch, revision } = await this.stored(tenant, id);
      if (batch.webhook === null) throw refused('not_found', `The batch ${id} has no webhook.`);
      if (!hasEnded(batch)) {
        throw refused('not_ended', `The batch ${id} has not ended: it is ${batch.status}.`);
      }
      const next = toldAgain(batch, this.sources.nowMs());
      if ((await this.records.write(next, revision)) === null) continue;
      // Behind the record: a runner that comes between the two would find nothing to tell, and take the offer away.
      await this.leases.offer(next, { telling: true });
      this.onNews();
      return next;
    }
  }

  /** @throws {RefusedError} `not_ended`, for files of a batch that is carried out @throws {LogUnavailableError} */
  async removeFile(file: StoredFile): Promise<void> {
    const user = (await this.records.list(file.tenant)).find(
      (batch) => !hasEnded(batch) && filesOf(batch).includes(file.id),
    );
    if (user !== undefined) {
      throw refused('not_ended', `The batch ${user.id}, whose file it is, has not ended. Cancel it first.`);
    }
    await this.files.remove(file);
  }

  private async stored(tenant: string, id: string) {
    const entry = await this.records.read(tenant, id);
    if (entry === null) throw refused('not_found', `There is no batch ${id.slice(0, 80)}.`);
    return entry;
  }
}

function newWebhook(id: string, callback: Callback, trace: TraceContext, nowMs: number): BatchWebhook {
  return {
    ...{ id, callback, trace, round: 1, tries: 0, nextAtMs: nowMs, outcome: 'waiting' },
    ...{ lastTriedAtMs: null, reason: null, httpStatus: null },
  };
}

function filesOf(batch: Batch): (string | null)[] {
  const { output, error } = resultFiles(batch);
  return [batch.inputFileId, output, error];
}
