import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EventLog } from '../../log/event-log.port.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { LogComparison } from '../agreement/log-comparison.js';
import { isAnotherLog, type LogDamage } from '../agreement/log-damage.policy.js';
import { lostRecords } from '../agreement/log-damage.words.js';
import { readCheckpoint } from '../tables/checkpoint.js';
import { databaseOf } from '../tables/data-source.js';
import { ProjectionPosition } from './projection-position.js';

/** A process that does not project has no other way to hear that the log came back as another one. */
const BETWEEN_LOOKS_MS = 2_000;

/**
 * Whether the log still is the one that the tables were built from, seen from any process: once before the process
 * listens, and from then on now and then. While it is another one, no reader is told that the tables have what it waits
 * for: what they lack may well be in the log.
 */
@Injectable()
export class LogAgreement {
  private readonly comparison: LogComparison;
  private readonly ending = new AbortController();
  private timer: NodeJS.Timeout | null = null;
  private looking: Promise<readonly LogDamage[]> | null = null;
  private damage: readonly LogDamage[] = [];

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(EVENT_LOG) log: EventLog,
    @Inject(ProjectionPosition) private readonly position: ProjectionPosition,
  ) {
    this.comparison = new LogComparison(log);
  }

  /** Records that are known to be lost, as of the last look. */
  get lostRecords(): number {
    return lostRecords(this.damage);
  }

  /** Resolves when it is known, or can't be known at present. */
  async start(): Promise<void> {
    await this.look().catch(() => {});
    this.timer = setInterval(() => void this.look().catch(() => {}), BETWEEN_LOOKS_MS).unref();
  }

  stop(): void {
    this.ending.abort();
    if (this.timer !== null) clearInterval(this.timer);
  }

  /** Looks that are asked for together are one. Rejects when PostgreSQL or the log does not answer. */
  look(): Promise<readonly LogDamage[]> {
    this.looking ??= this.compare().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  private async compare(): Promise<readonly LogDamage[]> {
    const checkpoint = await readCheckpoint(this.dataSource, databaseOf(this.dataSource).schema);
    this.damage = await this.comparison.look(checkpoint, this.ending.signal);
    this.position.trust(!this.damage.some(isAnotherLog));
    return this.damage;
  }
}
