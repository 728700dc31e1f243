import type { Lane } from '../../domain/message/lane.policy.js';
import { type Arrivals, NO_REPLAY, type ReplayedSizes, replay } from './replayed-sizes.policy.js';
import type { ForecastScale } from './scale-settings.policy.js';
import { eachLane, NO_SLOTS, type SlotsByLane, totalOf } from './slots-by-lane.policy.js';

/** What the forecast knows: the loads of the last while as means over bins, and what other sizes would have made of them. */
export interface LoadMemory {
  readonly bins: readonly SlotsByLane[];
  readonly open: SlotsByLane;
  readonly openMs: number;
  readonly replayed: ReplayedSizes;
}

export const NO_MEMORY: LoadMemory = { bins: [], open: NO_SLOTS, openMs: 0, replayed: NO_REPLAY };
/** Of fewer bins nothing is foretold. */
const ENOUGH_BINS = 4;
/** A load so far below all that is remembered, for so long, is no lull but a new state of things. */
const FALLEN = 0.85;
const FALLEN_BINS = 12;
/** So many tell how the load drifts. */
const LATEST_BINS = 8;
/** A bin with so many times the mean load is part of a burst. */
const BURST = 1.5;

export function remember(
  memory: LoadMemory,
  arrivals: Arrivals,
  waitTargetMs: Readonly<Record<Lane, number>>,
  { binMs, memoryMs }: ForecastScale,
): LoadMemory {
  const replayed = replay(memory.replayed, arrivals, waitTargetMs, memoryMs);
  const open = eachLane((lane) => memory.open[lane] + arrivals.slotSeconds[lane]);
  const openMs = memory.openMs + arrivals.elapsedMs;
  if (openMs < binMs) return { ...memory, replayed, open, openMs };
  const bin = eachLane((lane) => open[lane] / (openMs / 1000));
  const kept = Math.max(ENOUGH_BINS, Math.floor(memoryMs / binMs));
  return { bins: [...memory.bins, bin].slice(-kept), open: NO_SLOTS, openMs: 0, replayed };
}

/**
 * Where the load fell for good, the memory without what was before. A load that rose needs no such thing: it makes itself felt
 * among what is remembered.
 */
export function withoutThePast(memory: LoadMemory): LoadMemory {
  const totals = memory.bins.map(totalOf);
  const [before, latest] = [totals.slice(0, -FALLEN_BINS), totals.slice(-FALLEN_BINS)];
  if (before.length < ENOUGH_BINS) return memory;
  const hasFallen = Math.max(...latest) < Math.min(...before) * FALLEN;
  return hasFallen ? { ...NO_MEMORY, bins: memory.bins.slice(-FALLEN_BINS) } : memory;
}

/** Whether the present burst lasts longer than all that are remembered: then it is a new load, and what was is no guide to it. */
export function outlastsTheBursts({ bins }: LoadMemory): boolean {
  const totals = bins.map(totalOf);
  const threshold = (BURST * totals.reduce((sum, total) => sum + total, 0)) / totals.length;
  let [longest, now] = [0, 0];
  for (const total of totals) {
    if (total <= threshold) {
      longest = Math.max(longest, now);
      now = 0;
    } else now += 1;
  }
  return longest === 0 || now > longest;
}

export interface RememberedLoad {
  readonly mean: SlotsByLane;
  /** The mean of the last two minutes or so. */
  readonly latest: number;
}

/** Null while too little is known. */
export function rememberedLoad({ bins }: LoadMemory): RememberedLoad | null {
  if (bins.length < ENOUGH_BINS) return null;
  return { mean: meanOf(bins), latest: totalOf(meanOf(bins.slice(-LATEST_BINS))) };
}

function meanOf(bins: readonly SlotsByLane[]): SlotsByLane {
  return eachLane((lane) => bins.reduce((sum, bin) => sum + bin[lane], 0) / bins.length);
}
