import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { leftWaiting, type WorkByLane } from './lane-work.policy.js';
import { type LoadMemory, outlastsTheBursts, rememberedLoad } from './load-memory.policy.js';
import { sizeFor } from './replayed-sizes.policy.js';
import type { LaneReading } from './scale-inputs.policy.js';
import type { ScaleSettings } from './scale-settings.policy.js';
import { eachLane, type SlotsByLane, totalOf } from './slots-by-lane.policy.js';

/** Parts of slots, and why so many. */
export interface Wanted {
  readonly slots: SlotsByLane;
  readonly because: string;
}

export function staticSlots({ staticSlots: total }: ScaleSettings): Wanted {
  const share = total / LANES.length;
  return { slots: eachLane(() => share), because: `static keeps ${total} slots` };
}

/**
 * wanted = load / utilisation + what waits / drain time.
 *
 * The load is arrivals x service time. What waits counts as far as the slots that are there leave it until new ones can
 * begin, and is to be gone within the wait target of its lane. That time is no shorter than a start: to drain in one second
 * what came in the minute before the slots began would take sixty times the slots, for work that is late already.
 */
export function adaptiveSlots(work: WorkByLane, situation: Situation, settings: ScaleSettings): Wanted {
  const drain = drainSlots(work, situation, settings);
  const slots = eachLane((lane) => work[lane].load / settings.utilisation + drain[lane]);
  return { slots, because: `${loadWords(work, settings)}${drainWords(drain)}` };
}

/**
 * The same from what is remembered: as many slots as would have kept the wait targets in the last while, and as the mean load
 * needs at the wanted utilisation. A burst like those before it changes nothing, since there are slots for it. A load that
 * is above all the remembered ones counts as `adaptive` counts it.
 */
export function hybridSlots(
  work: WorkByLane,
  memory: LoadMemory,
  situation: Situation,
  settings: ScaleSettings,
): Wanted {
  const remembered = rememberedLoad(memory);
  if (remembered === null) return adaptiveSlots(work, situation, settings);
  const { mean, latest } = remembered;
  const meanTotal = totalOf(mean);
  const kept = meanTotal === 0 ? 0 : sizeFor(settings.forecast.attainment, memory.replayed);
  const base = Math.max(kept, meanTotal / settings.utilisation, latest / LATEST_UTILISATION);
  const load = LANES.reduce((sum, lane) => sum + work[lane].load, 0);
  if (load > base && outlastsTheBursts(memory)) {
    const { slots, because } = adaptiveSlots(work, situation, settings);
    return { slots, because: `${because}; ${round(base)} were enough for the last while` };
  }
  const drain = drainSlots(
    eachLane((lane) => ({ ...work[lane], load: mean[lane] })),
    situation,
    settings,
  );
  const slots = eachLane((lane) => shareOf(lane, mean) * base + drain[lane]);
  const because =
    `the last ${Math.round((memory.bins.length * settings.forecast.binMs) / 60_000)} min kept ${round(meanTotal)} slots busy ` +
    `on average, the latest ${round(latest)}; ${kept} would have kept ${percent(settings.forecast.attainment)} of the wait targets${drainWords(drain)}`;
  return { slots, because };
}

/** The last minutes may fill the slots as far as a queue can bear it: they are noise as well as news. */
const LATEST_UTILISATION = 0.95;

function shareOf(lane: Lane, mean: SlotsByLane): number {
  const total = totalOf(mean);
  return total === 0 ? 1 / LANES.length : mean[lane] / total;
}

/** Thresholds: grow by a step where messages wait, shrink by a step where slots idle. Knows no rates, so it feels its way. */
export function dynamicSlots(
  readings: Readonly<Record<keyof SlotsByLane, LaneReading>>,
  current: SlotsByLane,
  { dynamic, lanes }: ScaleSettings,
): Wanted {
  const words: string[] = [];
  const slots = eachLane((lane) => {
    const [{ waiting, running, oldestAgeMs }, had] = [readings[lane], current[lane]];
    const step = Math.max(1, Math.ceil(had * dynamic.step));
    if (waiting > dynamic.waitingPerSlot * had || (waiting > 0 && oldestAgeMs > lanes[lane].waitTargetMs)) {
      words.push(`${waiting} wait in ${lane}, the oldest for ${round(oldestAgeMs / 1000)} s`);
      return had + step;
    }
    if (had > 0 && waiting === 0 && running < dynamic.idleBelow * had) {
      words.push(`${running} of ${had} slots of ${lane} are busy`);
      return had - step;
    }
    return had;
  });
  return { slots, because: words.join('; ') || 'all lanes are between their thresholds' };
}

export interface Situation {
  readonly slots: number;
  readonly startDelayMs: number;
}

/** Shorter, a drain would follow the noise of single messages. */
const SHORTEST_DRAIN_MS = 10_000;

function drainSlots(
  work: WorkByLane,
  { slots, startDelayMs }: Situation,
  settings: ScaleSettings,
): SlotsByLane {
  const left = leftWaiting(work, slots, startDelayMs);
  return eachLane((lane) => {
    const drainMs = Math.max(settings.lanes[lane].waitTargetMs, startDelayMs, SHORTEST_DRAIN_MS);
    return Math.max((left[lane] * 1000) / drainMs, work[lane].dueSlots);
  });
}

function loadWords(work: WorkByLane, { utilisation }: ScaleSettings): string {
  const load = LANES.reduce((sum, lane) => sum + work[lane].load, 0);
  return `arrivals keep ${round(load)} slots busy (counted in ${work.normal.countedIn}), at ${percent(utilisation)} utilisation`;
}

function drainWords(drain: SlotsByLane): string {
  const total = totalOf(drain);
  return total < 0.05 ? '' : `, and ${round(total)} slots for what waits`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function percent(share: number): string {
  return `${round(share * 100)} %`;
}
