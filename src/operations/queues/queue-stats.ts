import type { QueueFigures, SpanFigures } from '../../projection/read/queue-figures.js';
import { OnceAWhile } from './once-a-while.js';

export const TIME_RANGES = ['1h', '6h', '24h', '7d'] as const;
export type TimeRange = (typeof TIME_RANGES)[number];

const HOUR_MS = 3_600_000;
/** The longer the span, the more there is to read and the less a minute matters. */
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
}

/** What a tenant's messages came to in a span that ends now, read at most once in a while however many ask. */
export class QueueStats {
  private readonly kept: OnceAWhile<StatsInSpan>;

  constructor(
    private readonly figures: QueueFigures,
    private readonly nowMs: () => number,
  ) {
    this.kept = new OnceAWhile(nowMs);
  }

  of(tenant: string, range: TimeRange): Promise<StatsInSpan> {
    const { spanMs, keptMs } = SPANS[range];
    return this.kept.get(`${range} ${tenant}`, keptMs, async () => {
      const toMs = this.nowMs();
      const figures = await this.figures.span(tenant, spanMs);
      return { from: isoTime(toMs - spanMs), to: isoTime(toMs), figures };
    });
  }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
