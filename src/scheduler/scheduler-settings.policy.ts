import type { SchedulerChanges } from '../domain/admin/scale.events.js';
import { LANES, type Lane } from '../domain/message/lane.policy.js';
import { SCALE_DEFAULTS, type ScaleSettings, type ScaleStrategy } from './policy/scale-settings.policy.js';
import { eachLane } from './policy/slots-by-lane.policy.js';

interface LaneSection {
  readonly min_slots: number;
  readonly max_slots: number;
  readonly wait_target_ms: number;
}

/** What operators may change while the service runs: the configuration's `scheduler` section, but for what is built at the start. */
export interface SchedulerSection {
  readonly enabled: boolean;
  readonly dry_run: boolean;
  readonly strategy: ScaleStrategy;
  readonly min_slots: number;
  readonly max_slots: number;
  readonly static_slots: number;
  readonly utilisation: number;
  readonly hysteresis: number;
  readonly attainment: number;
  readonly up_cool_down_ms: number;
  readonly down_cool_down_ms: number;
  readonly zero_after_ms: number | null;
  readonly lanes: Readonly<Record<Lane, LaneSection>>;
}

/** The configuration has further settings, which are read once. */
const CHANGEABLE = [
  ...(['enabled', 'dry_run', 'strategy', 'min_slots', 'max_slots', 'static_slots'] as const),
  ...(['utilisation', 'hysteresis', 'attainment'] as const),
  ...(['up_cool_down_ms', 'down_cool_down_ms', 'zero_after_ms'] as const),
];

/** The configuration with what operators changed. */
export function changedSection(section: SchedulerSection, changes: SchedulerChanges): SchedulerSection {
  const { lanes, ...others } = changes;
  const known = Object.fromEntries(CHANGEABLE.map((name) => [name, section[name]]));
  return {
    ...known,
    ...without(others),
    lanes: eachLane((lane) => ({ ...section.lanes[lane], ...without(lanes?.[lane] ?? {}) })),
  } as SchedulerSection;
}

function without(parts: object): object {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}

export interface SectionProblem {
  readonly field: string;
  readonly reason: string;
}

/** Floors above ceilings, that is what no field can check by itself. */
export function problemsOf(section: SchedulerSection): SectionProblem[] {
  const of = (
    path: string,
    { min_slots: least, max_slots: most }: Pick<LaneSection, 'min_slots' | 'max_slots'>,
  ) =>
    least <= most
      ? []
      : [{ field: `${path}min_slots`, reason: `is ${least}, above max_slots, which is ${most}` }];
  return [...of('', section), ...LANES.flatMap((lane) => of(`lanes.${lane}.`, section.lanes[lane]))];
}

/**
 * What the policy is told for one of several models. Bounds and a static size are of all models together, and the policy
 * decides about one: each gets its part of the floor and of the static size, and may grow up to the ceiling.
 */
export function scaleSettings(section: SchedulerSection, at: number, models: number): ScaleSettings {
  return {
    strategy: section.strategy,
    lanes: eachLane((lane) => ({
      minSlots: section.lanes[lane].min_slots,
      maxSlots: section.lanes[lane].max_slots,
      waitTargetMs: section.lanes[lane].wait_target_ms,
    })),
    minSlots: partOf(section.min_slots, at, models),
    maxSlots: section.max_slots,
    staticSlots: partOf(section.static_slots, at, models),
    utilisation: section.utilisation,
    hysteresis: section.hysteresis,
    upCoolDownMs: section.up_cool_down_ms,
    downCoolDownMs: section.down_cool_down_ms,
    zeroAfterMs: section.zero_after_ms,
    dynamic: SCALE_DEFAULTS.dynamic,
    forecast: { ...SCALE_DEFAULTS.forecast, attainment: section.attainment },
  };
}

/** What is ordered for all models: the sum of what each shall have, within the bounds. */
export function orderedSlots(
  totals: readonly number[],
  { min_slots: least, max_slots: most }: Pick<SchedulerSection, 'min_slots' | 'max_slots'>,
): number {
  return Math.min(
    Math.max(
      totals.reduce((sum, total) => sum + total, 0),
      least,
    ),
    most,
  );
}

/** The parts of a whole number add up to it. */
function partOf(whole: number, at: number, parts: number): number {
  return Math.floor((whole * (at + 1)) / parts) - Math.floor((whole * at) / parts);
}
