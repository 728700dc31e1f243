import type { Lane } from '../../domain/message/lane.policy.js';

export type ScaleStrategy = 'static' | 'dynamic' | 'adaptive' | 'hybrid';
export const SCALE_STRATEGIES: readonly ScaleStrategy[] = ['static', 'dynamic', 'adaptive', 'hybrid'];

export interface LaneScale {
  readonly minSlots: number;
  readonly maxSlots: number;
  /** How long a message of the lane may wait for its slot. What waits is to be gone in this time, too. */
  readonly waitTargetMs: number;
}

export interface ScaleSettings {
  readonly strategy: ScaleStrategy;
  readonly lanes: Readonly<Record<Lane, LaneScale>>;
  /** Of the model, all lanes together. The floors of the lanes are counted in it; the ceiling cuts the lowest lane first. */
  readonly minSlots: number;
  readonly maxSlots: number;
  /** `static` keeps so many. */
  readonly staticSlots: number;
  /** The share of the slots that work shall keep busy, from 0 to 1. */
  readonly utilisation: number;
  /** A size is kept while the wanted one is nearer to it than this share. */
  readonly hysteresis: number;
  /** No second raise within this time of the last one. */
  readonly upCoolDownMs: number;
  /** Slots go only when none of the sizes wanted in this time needed them. */
  readonly downCoolDownMs: number;
  /** Without any work for so long, the model has no slots at all. Null: it keeps one at least. */
  readonly zeroAfterMs: number | null;
  readonly dynamic: DynamicScale;
  readonly forecast: ForecastScale;
}

/** Thresholds of `dynamic`. */
export interface DynamicScale {
  /** Messages that wait for each slot of the lane, above which it grows. It grows as well when one waits beyond its target. */
  readonly waitingPerSlot: number;
  /** The busy share of the slots below which the lane shrinks. */
  readonly idleBelow: number;
  /** The share of the size by which it grows or shrinks, one slot at least. */
  readonly step: number;
}

export interface ForecastScale {
  /** How far back loads are remembered. */
  readonly memoryMs: number;
  /** Loads are remembered as means of so long. */
  readonly binMs: number;
  /** The share of the messages that shall meet their wait targets. */
  readonly attainment: number;
}

/**
 * The wait targets are the limits of attention of a person that watches: a second keeps a train of thought, ten keep the
 * attention (J. Nielsen, Usability Engineering, 1993, chapter 5). Why the others are as they are: docs/scaling.md.
 */
export const SCALE_DEFAULTS: ScaleSettings = {
  strategy: 'hybrid',
  lanes: {
    realtime: { minSlots: 0, maxSlots: 1_000, waitTargetMs: 1_000 },
    high: { minSlots: 0, maxSlots: 1_000, waitTargetMs: 3_000 },
    normal: { minSlots: 0, maxSlots: 1_000, waitTargetMs: 10_000 },
    low: { minSlots: 0, maxSlots: 1_000, waitTargetMs: 60_000 },
  },
  minSlots: 1,
  maxSlots: 1_000,
  staticSlots: 16,
  utilisation: 0.8,
  hysteresis: 0.1,
  upCoolDownMs: 15_000,
  downCoolDownMs: 300_000,
  zeroAfterMs: null,
  dynamic: { waitingPerSlot: 1, idleBelow: 0.5, step: 0.5 },
  forecast: { memoryMs: 900_000, binMs: 15_000, attainment: 0.98 },
};
