import type { Client } from 'pg';
import type { DataSource } from 'typeorm';
import type { EventLog } from '../../log/event-log.port.js';
import type { RecordRange } from '../../log/record-ranges.policy.js';
import type { Sources } from '../../platform/clock.js';
import { LogComparison } from '../agreement/log-comparison.js';
import { refuseDamage } from '../agreement/log-damage.errors.js';
import { isAnotherLog } from '../agreement/log-damage.policy.js';
import { foldLog } from '../fold/fold-log.js';
import { passExplained } from '../fold/gap-guard.js';
import { type Checkpoint, readCheckpoint } from '../tables/checkpoint.js';
import { type DatabaseOptions, openDatabase } from '../tables/data-source.js';
import type { BatchWriter } from '../write/batch-writer.port.js';
import { RowWriter } from '../write/row-writer.js';
import { acceptLoss, RebuildRefusedError } from './accept-loss.js';
import { CopySession } from './copy-session.js';
import { CopyWriter } from './copy-writer.js';
import { lastStoredUpTo } from './last-stored.js';
import { connectToFill, connectToRebuild } from './rebuild-client.js';
import {
  dropSchema,
  rebuildSchemas,
  restoreIndexes,
  schemaExists,
  shelveIndexes,
  swapSchemas,
} from './rebuild-schema.js';

export type RebuildPhase = 'replaying' | 'indexing' | 'catching_up' | 'swapping';

export interface RebuildProgress {
  readonly phase: RebuildPhase;
  /** The last sequence in the new tables. */
  readonly applied: number;
  /** The sequence to reach; it grows while the service goes on working. */
  readonly target: number;
}

export interface RebuildOptions {
  readonly log: EventLog;
  readonly database: Pick<DatabaseOptions, 'url' | 'schema'>;
  /** Go on with what a rebuild that was broken off has left, instead of starting afresh. */
  readonly resume: boolean;
  /** Build them although the log has lost what the live tables may know; the log is told so. */
  readonly force: boolean;
  readonly sources: Pick<Sources, 'newId' | 'nowMs'>;
  /** Events of one transaction: what is lost when it is broken off. */
  readonly maxBatch: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: RebuildProgress) => void;
  /** Where nothing was left to go on with. */
  readonly onNothingToResume?: () => void;
}

/** So near to the log's end that the rest is a matter of milliseconds, for which the projector can wait. */
const NEAR = 1_000;

/** Events of one transaction. */
const WORTH_COPYING = 500;

/** Few enough that what is made of their JSON lives no longer than a sweep of V8's young generation. */
const FOLDED_AT_A_TIME = 250;

/** Records of the broker's. Each time wakes the broker, which on few cores takes the fold's place for the better part of a millisecond. */
const READ_AHEAD = 2_000;

export class RebuildRunningError extends Error {
  readonly code = 'rebuild_running';
  constructor(schema: string) {
    super(`A rebuild of the schema ${schema} is running already. Wait for it, or end it first.`);
  }
}

/** The rebuild was told to stop. The live tables are as they were; what was built can be resumed. */
export class RebuildAbortedError extends Error {
  readonly code = 'rebuild_aborted';
  constructor() {
    super(
      'The rebuild was interrupted. The live tables are unchanged. "npm run projections:rebuild -- --resume" continues from here; without --resume it starts again from the beginning.',
    );
  }
}

/**
 * Builds all tables anew from the log in a schema beside the live one, while the service goes on, and swaps them.
 * Returns the sequence at which the swap took place.
 *
 * Wherever it is killed the live tables are whole: the old ones before the swap's commit, the new ones after it.
 *
 * @throws {RebuildRefusedError} without `force`, where the log has lost records that no erasure names
 * @throws {RebuildRunningError} {RebuildAbortedError} {DatabaseError} {OrphanEventError} {MalformedEventError}
 */
export async function rebuild(options: RebuildOptions): Promise<number> {
  const control = await connectToRebuild(options.database.url);
  try {
    const { rows } = await control.query('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked', [
      `llmq rebuild ${options.database.schema}`,
    ]);
    if (!rows[0].locked) throw new RebuildRunningError(options.database.schema);
    return await rebuildLocked(control, options);
  } finally {
    await control.end();
  }
}

async function rebuildLocked(control: Client, options: RebuildOptions): Promise<number> {
  const { database, resume } = options;
  const schemas = rebuildSchemas(database.schema);
  const losses = await lossesOf(control, options);
  await dropSchema(control, schemas.old);
  if (!resume) await dropSchema(control, schemas.next);
  const resuming = await schemaExists(control, schemas.next);
  const dataSource = await openDatabase({
    ...{ ...database, schema: schemas.next, poolSize: 2, analystViews: false },
  });
  const copying = new CopySession(database.url);
  let following: Client | undefined;
  try {
    following = await connectToFill(database.url, { pipeline: true });
    if (resume && !resuming) options.onNothingToResume?.();
    if (!resuming) await shelveIndexes(dataSource, schemas.next);
    const fill = new Fill(options, schemas.next, { copying, following }, dataSource, losses);
    await fill.begin();
    await fill.to('replaying', await options.log.lastSequence());
    await losses.tell();
    options.onProgress({ phase: 'indexing', applied: fill.applied, target: fill.applied });
    await restoreIndexes(dataSource, schemas.next);
    await fill.nearToEnd();
    await swapSchemas(control, schemas, async (live) => {
      // A live projection that is beyond the log's end was built from another log: the end is as far as one can get.
      const { lastSequence } = await options.log.extent();
      await fill.to('swapping', Math.min(live, lastSequence));
    });
    return fill.applied;
  } finally {
    await copying.close();
    await following?.end().catch(() => {});
    await dataSource.destroy();
  }
}

/** @throws {RebuildRefusedError} */
async function lossesOf(control: Client, options: RebuildOptions): Promise<Losses> {
  const { log, database, force, sources, signal } = options;
  const comparison = new LogComparison(log);
  const damage = await comparison.look(await liveCheckpoint(control, database.schema), signal);
  if (damage.length > 0) {
    if (!force) throw new RebuildRefusedError(damage);
    await acceptLoss(log, damage, sources);
    await comparison.gaps.refresh(log, signal);
  }
  return new Losses(options, comparison);
}

/** Tables that are broken, or were never there, are at no place of any log. */
async function liveCheckpoint(control: Client, schema: string): Promise<Checkpoint> {
  return readCheckpoint(control, schema).catch(() => ({ sequence: 0, eventId: null, generation: '' }));
}

/** What a rebuild does about gaps that it meets. Some show only when they are read: the broker counts what it can't read. */
class Losses {
  private readonly met: RecordRange[] = [];

  constructor(
    private readonly options: Pick<RebuildOptions, 'log' | 'force' | 'sources' | 'signal'>,
    private readonly comparison: LogComparison,
  ) {}

  readonly accepted = (): boolean => this.options.force || this.comparison.gaps.hasAcceptedLoss;

  /** @throws {LogDamagedError} without `force` */
  readonly pass = async (gap: RecordRange): Promise<void> => {
    const { log, force, signal } = this.options;
    const { gaps } = this.comparison;
    if (force) this.met.push(...gaps.unexplainedIn(gap));
    else {
      await passExplained(gaps, log, gap, signal).catch((error: unknown) => {
        throw signal.aborted ? new RebuildAbortedError() : error;
      });
    }
  };

  /** Before the tables take their place: the projector would stop at these gaps. */
  async tell(): Promise<void> {
    if (this.met.length === 0) return;
    const { log, sources } = this.options;
    await acceptLoss(log, [{ kind: 'records_missing', ranges: this.met.splice(0) }], sources);
  }
}

/** The new tables on their way. */
class Fill {
  applied = 0;

  constructor(
    private readonly options: RebuildOptions,
    private readonly schema: string,
    private readonly ways: { readonly copying: CopySession; readonly following: Client },
    private readonly dataSource: DataSource,
    private readonly losses: Losses,
  ) {}

  async begin(): Promise<void> {
    const checkpoint = await readCheckpoint(this.dataSource, this.schema);
    const { log, signal } = this.options;
    const damage = checkpoint.sequence === 0 ? [] : await new LogComparison(log).look(checkpoint, signal);
    refuseDamage(damage.filter(isAnotherLog));
    this.applied = checkpoint.sequence;
  }

  /** Folds on until the tables hold everything up to `sequence`. */
  async to(phase: RebuildPhase, sequence: number): Promise<void> {
    const { log, maxBatch, signal, onProgress } = this.options;
    const target = sequence <= this.applied ? sequence : await lastStoredUpTo(log, sequence);
    onProgress({ phase, applied: this.applied, target });
    if (signal.aborted) throw new RebuildAbortedError();
    if (this.applied >= target) return;
    const from = await readCheckpoint(this.dataSource, this.schema);
    const reached = new AbortController();
    const until = AbortSignal.any([signal, reached.signal]);
    const fold = {
      ...{ log, schema: this.schema, dataSource: this.dataSource, until: target },
      ...{ passGap: this.losses.pass, lossAccepted: this.losses.accepted },
      newWriter: this.writersFor(target - this.applied),
      maxBatch: Math.min(maxBatch, FOLDED_AT_A_TIME),
      ahead: READ_AHEAD,
    };
    await foldLog(fold, from, until, ({ sequence }) => {
      this.applied = sequence;
      onProgress({ phase, applied: sequence, target });
      if (sequence >= target) reached.abort();
    });
    if (this.applied < target) throw new RebuildAbortedError();
  }

  /** Few events are written as a live projector does, which needs one way to PostgreSQL and back where COPY needs twenty. */
  private writersFor(events: number): () => BatchWriter {
    const { copying, following } = this.ways;
    return Math.min(events, this.options.maxBatch) >= WORTH_COPYING
      ? () => new CopyWriter(copying, this.schema, this.options.maxBatch)
      : () => new RowWriter(following, this.schema);
  }

  async nearToEnd(): Promise<void> {
    for (;;) {
      const target = await this.options.log.lastSequence();
      if (target - this.applied < NEAR) return;
      await this.to('catching_up', target);
    }
  }
}
