import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Lane } from '../../domain/message/lane.policy.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { QueueFigures, type SpanFigures, type Totals } from '../../projection/read/queue-figures.js';

export const TIME_RANGES = ['1h', '6h', '24h', '7d'] as const;
export type TimeRange = (typeof TIME_RANGES)[number];

const HOUR_MS = 3_600_000;
/** A longer span costs more to read, and its figures change more slowly: they are cached for longer. */
const SPANS: Readonly<Record<TimeRange, { readonly spanMs: number; readonly keptMs: number }>> = {
  '1h': { spanMs: HOUR_MS, keptMs: 2_000 },
  '6h': { spanMs: 6 * HOUR_MS, keptMs: 10_000 },
  '24h': { spanMs: 24 * HOUR_MS, keptMs: 60_000 },
  '7d': { spanMs: 7 * 24 * HOUR_MS, keptMs: 300_000 },
};

export interface StatsInSpan {
  /** ISO 8601. */
  readonly from: string;
  readonly to: string;
  readonly figures: readonly SpanFigures[];
  /** Of the hour and the day that it is now; under null for all lanes together. */
  readonly totals: ReadonlyMap<Lane | null, Totals>;
}

interface Wanted {
  readonly tenant: string;
  readonly spanMs: number;
}

/** A day's messages are many to count. */
export const TOTALS_FOR_MS = 10_000;

/** Entries of the cache: one for each tenant and range. */
const MOST_KEPT = 4_000;

/** Statistics of a tenant's messages over a span that ends now. Cached, so that many readers cost one query. */
@Injectable()
export class QueueStats {
  private readonly cache: LRUCache<string, StatsInSpan, Wanted>;
  private readonly totals: LRUCache<string, StatsInSpan['totals']>;

  constructor(@Inject(QueueFigures) figures: QueueFigures, @Inject(SOURCES) sources: Sources) {
    this.totals = new LRUCache({
      ...{ max: MOST_KEPT, ttl: TOTALS_FOR_MS },
      fetchMethod: (tenant) => figures.totals(tenant),
    });
    this.cache = new LRUCache({
      max: MOST_KEPT,
      fetchMethod: async (_key, _stale, { context: { tenant, spanMs } }) => {
        const toMs = sources.nowMs();
        const [span, totals] = await Promise.all([
          figures.span(tenant, spanMs),
          this.totals.forceFetch(tenant),
        ]);
        return { from: isoTime(toMs - spanMs), to: isoTime(toMs), figures: span, totals };
      },
    });
  }

  of(tenant: string, range: TimeRange): Promise<StatsInSpan> {
    const { spanMs, keptMs } = SPANS[range];
    return this.cache.forceFetch(`${range} ${tenant}`, { ttl: keptMs, context: { tenant, spanMs } });
  }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
