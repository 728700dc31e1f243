import { LANES, type Lane } from '../../domain/message/lane.policy.js';

/**
 * What a trigger may scale by.
 *
 * - `wanted_slots`: the slots that the scheduler's policy wants.
 * - `waiting`: messages that no slot serves.
 * - `messages`: those, and the calls under way.
 * - `waiting_tokens`: the tokens that the waiting ones ask with, as far as the tables say.
 */
export const SCALE_METRICS = ['wanted_slots', 'waiting', 'messages', 'waiting_tokens'] as const;
export type ScaleMetric = (typeof SCALE_METRICS)[number];

/** What a ScaledObject asks for, as its trigger's metadata says it. */
export interface Trigger {
  readonly metric: ScaleMetric;
  /** Null: of all models. */
  readonly model: string | null;
  /** Null: of all lanes. */
  readonly lane: Lane | null;
  /** How much one replica takes. */
  readonly target: number;
  /** There shall be replicas where there is more than this. */
  readonly activationTarget: number;
}

export interface Work {
  readonly waiting: number;
  readonly running: number;
  /** Null where the tables do not say. */
  readonly waitingTokens: number | null;
}

/** What a trigger asks about. */
export interface ScaleReading {
  /** Null before the first decision, and in place of figures that are not known. */
  readonly wantedSlots: number | null;
  readonly work: Work | null;
}

/**
 * Names that are not ours are KEDA's own, or those of a later one.
 *
 * @param slotsPerReplica what one replica takes of `wanted_slots`, where the trigger doesn't say
 * @returns the trigger, or what is wrong with the metadata
 */
export function triggerIn(
  metadata: Readonly<Record<string, string>>,
  slotsPerReplica: number,
): Trigger | { readonly problem: string } {
  const { metric = 'wanted_slots', model = '', lane = '', target = '', activationTarget = '0' } = metadata;
  if (!isOneOf(SCALE_METRICS, metric)) return wrong('metric', metric, oneOf(SCALE_METRICS));
  if (lane !== '' && !isOneOf(LANES, lane)) return wrong('lane', lane, oneOf(LANES));
  if (lane !== '' && metric === 'wanted_slots')
    return { problem: 'lane can not be asked for with wanted_slots: the slots serve all lanes' };
  if (target === '' && metric !== 'wanted_slots')
    return { problem: `target is missing: say how much of ${metric} one replica takes` };
  const size = target === '' ? slotsPerReplica : numberIn(target);
  if (size === null || size === 0) return wrong('target', target, 'a number above 0');
  const least = numberIn(activationTarget);
  if (least === null) return wrong('activationTarget', activationTarget, 'a number that is not negative');
  return {
    ...{ metric, target: size, activationTarget: least },
    ...{ model: model === '' ? null : model, lane: lane === '' ? null : lane },
  };
}

/** As KEDA and the autoscaler name it. */
export function metricNameOf({ metric }: Trigger): string {
  return `llmq-${metric.replaceAll('_', '-')}`;
}

/** Null where it is not known. */
export function measured({ metric }: Trigger, { wantedSlots, work }: ScaleReading): number | null {
  if (metric === 'wanted_slots') return wantedSlots;
  if (work === null) return null;
  if (metric === 'waiting_tokens') return work.waitingTokens;
  return metric === 'waiting' ? work.waiting : work.waiting + work.running;
}

/** What runs keeps its replicas, too: the last one would be taken away with the calls that it has. */
export function isActive(trigger: Trigger, reading: ScaleReading): boolean | null {
  const value = measured(trigger, reading);
  if (value === null) return null;
  return value > trigger.activationTarget || (reading.work?.running ?? 0) > 0;
}

function numberIn(text: string): number | null {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(number) && number >= 0 ? number : null;
}

function wrong(name: string, value: string, allowed: string): { readonly problem: string } {
  return { problem: `${name} is ${JSON.stringify(value.slice(0, 100))}, and must be ${allowed}` };
}

function oneOf(values: readonly string[]): string {
  return `one of ${values.join(', ')}`;
}

function isOneOf<T extends string>(values: readonly T[], value: string): value is T {
  return (values as readonly string[]).includes(value);
}
