import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { guideTo } from '../../platform/guide.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { damageText } from '../agreement/log-damage.words.js';
import { readCheckpoint } from '../tables/checkpoint.js';
import { databaseOf } from '../tables/data-source.js';
import { LogAgreement } from './log-agreement.js';

/** A backlog that shrinks is only a backlog; one that no process works on for this long is a failure. */
const STALLED_AFTER_MS = 15_000;

/**
 * Whether the tables keep up with the log, seen from any process: from the checkpoint and the log's end, whoever
 * projects. Call it now and then; it compares with what it saw before.
 */
@Injectable()
export class ProjectionHealth {
  readonly name = 'projection';
  private applied = -1;
  private progressAt = 0;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(LogAgreement) private readonly agreement: Pick<LogAgreement, 'look'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'steadyMs'>,
  ) {}

  /** Positions of the log that the tables have not come to; rejects when PostgreSQL or the log does not answer. */
  async lag(): Promise<number> {
    const { sequence, last } = await this.positions();
    // Tables that are beyond the log's end are never up to date with it.
    return Math.abs(last - sequence);
  }

  /** Rejects when PostgreSQL or the log does not answer. */
  async check(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    // Without a majority the log tells its end late, and then nobody knows whose fault the delay was.
    const hindrance = await this.log.hindrance();
    if (hindrance !== null)
      return { ok: false, detail: `not compared with the log, of which is told: ${hindrance}` };
    const damage = await this.agreement.look();
    if (damage.length > 0) {
      const lost = damage.map(damageText).join('; ');
      return {
        ok: false,
        detail: `${lost}. The projection has stopped there: see ${guideTo('lostRecords')}`,
      };
    }
    const { sequence, last } = await this.positions();
    const now = this.sources.steadyMs();
    if (sequence !== this.applied || sequence >= last) this.progressAt = now;
    this.applied = sequence;
    const lag = Math.max(0, last - sequence);
    const stalledMs = now - this.progressAt;
    if (stalledMs < STALLED_AFTER_MS) return { ok: true, detail: behind(lag) };
    return {
      ok: false,
      detail: `${behind(lag)}, and none applied for ${Math.round(stalledMs / 1_000)} s: no process with the role projector makes progress. If one runs, its log and its /health/ready say why: see ${guideTo('projectionStops')}`,
    };
  }

  private async positions(): Promise<{ readonly sequence: number; readonly last: number }> {
    // In this order a log that is whole never ends before the tables.
    const { sequence } = await readCheckpoint(this.dataSource, databaseOf(this.dataSource).schema);
    const last = await this.log.lastSequence();
    return { sequence, last };
  }
}

/** Positions have gaps, so their distance is only the most that can be missing. */
function behind(lag: number): string {
  return lag === 0 ? 'up to date with the log' : `up to ${lag} events behind the log`;
}
