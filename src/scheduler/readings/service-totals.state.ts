import type { Lane } from '../../domain/message/lane.policy.js';

/** What one worker says that it did for one model since its start. */
export interface ServedByWorker {
  readonly model: string;
  readonly running: Readonly<Record<Lane, number>>;
  readonly busy_ms: number;
  readonly calls: number;
  readonly counted_calls: number;
  readonly tokens: number;
}

/** Of one model, over all workers that ever were there: counters that only grow. */
export interface ServiceTotal {
  readonly busyMs: number;
  readonly calls: number;
  readonly countedCalls: number;
  readonly tokens: number;
}

export interface ServiceTotals {
  readonly models: ReadonlyMap<string, ServiceTotal>;
  /** What each worker said last, by worker and model. */
  readonly last: ReadonlyMap<string, ReadonlyMap<string, ServedByWorker>>;
}

export const NO_SERVICE: ServiceTotal = { busyMs: 0, calls: 0, countedCalls: 0, tokens: 0 };
export const NO_TOTALS: ServiceTotals = { models: new Map(), last: new Map() };

/** Workers that left, remembered in case that they were only silent for a while. */
const MOST_WORKERS = 1_000;

/** Adds what each worker did since it was heard last. One that is new brings what it did before: it is as true. */
export function withBeats(
  totals: ServiceTotals,
  beats: ReadonlyMap<string, readonly ServedByWorker[]>,
): ServiceTotals {
  const models = new Map(totals.models);
  const last = new Map(totals.last.size > MOST_WORKERS ? [] : totals.last);
  for (const [worker, served] of beats) {
    const before = totals.last.get(worker);
    for (const now of served) {
      const grown = growth(before?.get(now.model), now);
      models.set(now.model, plus(models.get(now.model) ?? NO_SERVICE, grown));
    }
    last.set(worker, new Map(served.map((now) => [now.model, now])));
  }
  return { models, last };
}

function growth(before: ServedByWorker | undefined, now: ServedByWorker): ServiceTotal {
  const since = before !== undefined && before.calls <= now.calls ? before : null;
  return {
    busyMs: Math.max(0, now.busy_ms - (since?.busy_ms ?? 0)),
    calls: now.calls - (since?.calls ?? 0),
    countedCalls: Math.max(0, now.counted_calls - (since?.counted_calls ?? 0)),
    tokens: Math.max(0, now.tokens - (since?.tokens ?? 0)),
  };
}

function plus(one: ServiceTotal, other: ServiceTotal): ServiceTotal {
  return {
    busyMs: one.busyMs + other.busyMs,
    calls: one.calls + other.calls,
    countedCalls: one.countedCalls + other.countedCalls,
    tokens: one.tokens + other.tokens,
  };
}
