import { Inject, Injectable } from '@nestjs/common';
import { metrics } from '@opentelemetry/api';
import { LRUCache } from 'lru-cache';
import { DataSource } from 'typeorm';
import type { Lane } from '../domain/message/lane.policy.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import type { ProcessProjector } from '../projection/fold/projector.port.js';
import { type LaneFigures, QueueFigures } from '../projection/read/queue-figures.js';
import { connectionPool } from '../projection/tables/connection-pool.js';

/** So old they may be: each reading counts messages in PostgreSQL. */
const FIGURES_FOR_MS = 5_000;
const SPAN_MS = 60_000;

/**
 * What `/metrics` tells of PostgreSQL: the connections of each process, and, of the process whose projector is active
 * alone, what only the tables know of the lanes, so that sums over processes count nothing twice.
 */
@Injectable()
export class TableMetrics {
  private readonly meter = metrics.getMeter('llm-message-queue');
  private readonly figures: LRUCache<'lanes', ReadonlyMap<Lane, LaneFigures>>;

  constructor(
    @Inject(QueueFigures) figures: QueueFigures,
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {
    const fetchMethod = () => figures.lanes(SPAN_MS);
    this.figures = new LRUCache({ max: 1, ttl: FIGURES_FOR_MS, fetchMethod });
  }

  observePool(): void {
    const connections = this.gauge('llmq.database.connections', 'Connections to PostgreSQL of this process');
    const limit = this.gauge('llmq.database.connections_limit', 'The most connections of this process');
    const waiting = this.gauge('llmq.database.waiting', 'Queries of this process that wait for a connection');
    this.meter.addBatchObservableCallback(
      (result) => {
        const pool = connectionPool(this.dataSource);
        result.observe(connections, pool.used, { state: 'used' });
        result.observe(connections, pool.idle, { state: 'idle' });
        result.observe(limit, pool.limit);
        result.observe(waiting, pool.waiting);
      },
      [connections, limit, waiting],
    );
  }

  observeLanes(projector: Pick<ProcessProjector, 'health'>): void {
    const oldest = this.gauge(
      'llmq.lane.oldest_age_seconds',
      'How long the message that waits longest has been in the lane',
    );
    const dead = this.gauge('llmq.lane.dead_letters', 'Messages of the lane that failed for good');
    const scheduled = this.gauge('llmq.lane.scheduled', 'Messages of the lane whose time has not come');
    const turns = this.gauge(
      'llmq.lane.held_turns',
      'Turns that wait for an earlier one of their conversation',
    );
    this.meter.addBatchObservableCallback(
      async (result) => {
        if (!projector.health.active) return;
        // What PostgreSQL does not tell is left out: it is not known to be none.
        for (const [lane, known] of (await this.figures.forceFetch('lanes').catch(() => null)) ?? []) {
          const since = known.oldestWaitingSince;
          const ageMs = since === null ? 0 : this.sources.nowMs() - Date.parse(since);
          result.observe(oldest, Math.max(0, ageMs) / 1_000, { lane });
          result.observe(dead, known.dead, { lane });
          result.observe(scheduled, known.scheduled, { lane });
          result.observe(turns, known.held, { lane });
        }
      },
      [oldest, dead, scheduled, turns],
    );
  }

  private gauge(name: string, description: string) {
    return this.meter.createObservableGauge(name, { description });
  }
}
