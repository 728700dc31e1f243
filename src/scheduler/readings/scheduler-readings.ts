import { z } from 'zod';
import { LANES, type Lane } from '../../domain/message/lane.policy.js';
import { perLaneOf } from '../../domain/message/per-lane.js';

const count = z.number().int().nonnegative();
const rate = z.number().nonnegative();

/** Why a figure is missing. It is never replaced by a zero. */
export const unknownSchema = z.object({ unknown: z.enum(['stale', 'missing_consumer', 'unreachable']) });

/** One lane, of one model or of all. */
export const laneReadingsSchema = z.object({
  /** Messages that no slot serves. */
  waiting: count,
  /** Messages that were handed out before and are to be handed out again, as far as the broker counts them. */
  redelivering: count,
  /** Calls under way. */
  running: count,
  /** Of the oldest message that no worker has taken; 0 where none waits. */
  oldest_age_seconds: rate,
  /** Messages per second that came of late; null until two readings tell. */
  arrivals_per_second: rate.nullable(),
  /** Waiting messages whose deadline is within a minute; null where the tables do not say. */
  due_within_minute: count.nullable(),
  /** Tokens that waiting messages ask with, by a sample of them; null where the tables do not say. */
  waiting_tokens: count.nullable(),
});
export type LaneReadings = z.infer<typeof laneReadingsSchema>;
export type LaneFigures = LaneReadings | z.infer<typeof unknownSchema>;

const laneFigures = z.union([laneReadingsSchema, unknownSchema]);
const lanesSchema = z.object({
  ...{ realtime: laneFigures, high: laneFigures, normal: laneFigures, low: laneFigures },
});

/** What the slots of a model do, over all lanes. Each is null until calls have ended. */
export const serviceReadingsSchema = z.object({
  /** The time that a call holds its slot. */
  seconds_per_message: rate.nullable(),
  /** Messages that a busy slot ends in a second. */
  messages_per_second_and_slot: rate.nullable(),
  /** Tokens, of prompts and answers, of the calls that a busy slot ends in a second. */
  tokens_per_second_and_slot: rate.nullable(),
});
export type ServiceReadings = z.infer<typeof serviceReadingsSchema>;

const modelReadingsSchema = z.object({
  model: z.string(),
  /** As decided last; null before the first decision. */
  wanted_slots: count.nullable(),
  lanes: lanesSchema,
  service: serviceReadingsSchema,
});
export type ModelReadings = z.infer<typeof modelReadingsSchema>;

/**
 * What the leader reads once a second and tells every process: `GET /api/v1/scheduler/metrics` and KEDA's scaler serve it.
 * A model that is gone is in it no more.
 */
export const schedulerReadingsSchema = z.object({
  /** Of the leader that read; it grows with each leader. */
  term: count,
  /** ISO 8601, UTC. */
  at: z.string(),
  /** Slots that take calls now, or were ordered and will; null where nobody knows. */
  slots: count.nullable(),
  /** The sum over all models, within the bounds; null before the first decision. */
  wanted_slots: count.nullable(),
  models: z.array(modelReadingsSchema),
});
export type SchedulerReadings = z.infer<typeof schedulerReadingsSchema>;

export function isKnownLane(figures: LaneFigures): figures is LaneReadings {
  return !('unknown' in figures);
}

/** Each lane over all models. A sum with an unknown part is unknown. */
export function lanesInAll({ models }: Pick<SchedulerReadings, 'models'>): Record<Lane, LaneFigures> {
  return perLaneOf((lane) => models.map(({ lanes }) => lanes[lane]).reduce(together, NOTHING));
}

/** All lanes of a model, or of all models, as one. */
export function allLanes(lanes: Readonly<Record<Lane, LaneFigures>>): LaneFigures {
  return LANES.map((lane) => lanes[lane]).reduce(together, NOTHING);
}

const NOTHING: LaneFigures = {
  ...{ waiting: 0, redelivering: 0, running: 0, oldest_age_seconds: 0 },
  ...{ arrivals_per_second: 0, due_within_minute: 0, waiting_tokens: 0 },
};

function together(one: LaneFigures, other: LaneFigures): LaneFigures {
  if (!isKnownLane(one)) return one;
  if (!isKnownLane(other)) return other;
  return {
    waiting: one.waiting + other.waiting,
    redelivering: one.redelivering + other.redelivering,
    running: one.running + other.running,
    oldest_age_seconds: Math.max(one.oldest_age_seconds, other.oldest_age_seconds),
    arrivals_per_second: sum(one.arrivals_per_second, other.arrivals_per_second),
    due_within_minute: sum(one.due_within_minute, other.due_within_minute),
    waiting_tokens: sum(one.waiting_tokens, other.waiting_tokens),
  };
}

function sum(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : one + other;
}
