import { z } from 'zod';

const count = z.number().int().nonnegative();
const amount = z.number().nonnegative();
const milliseconds = z.number().int().nonnegative();

export const SCALE_STRATEGY_NAMES = ['static', 'dynamic', 'adaptive', 'hybrid'] as const;
export const ACTUATOR_KINDS = ['none', 'slots', 'processes', 'kubernetes'] as const;

const laneScaleSchema = z.object({
  min_slots: count.optional(),
  max_slots: count.optional(),
  wait_target_ms: milliseconds.optional(),
});

/** What operators changed of the configuration's `scheduler` section. Absent: as the configuration says. */
export const schedulerChangesSchema = z.object({
  enabled: z.boolean().optional(),
  dry_run: z.boolean().optional(),
  strategy: z.enum(SCALE_STRATEGY_NAMES).optional(),
  min_slots: count.optional(),
  max_slots: count.optional(),
  static_slots: count.optional(),
  utilisation: amount.optional(),
  hysteresis: amount.optional(),
  attainment: amount.optional(),
  up_cool_down_ms: milliseconds.optional(),
  down_cool_down_ms: milliseconds.optional(),
  /** Null: never to zero. */
  zero_after_ms: milliseconds.nullable().optional(),
  lanes: z
    .object({
      realtime: laneScaleSchema.optional(),
      high: laneScaleSchema.optional(),
      normal: laneScaleSchema.optional(),
      low: laneScaleSchema.optional(),
    })
    .optional(),
});
export type SchedulerChanges = z.infer<typeof schedulerChangesSchema>;

const unknownSchema = z.object({ unknown: z.enum(['stale', 'missing_consumer', 'unreachable']) });

const laneInputSchema = z.union([
  z.object({
    ...{ waiting: count, running: count, oldest_age_ms: amount },
    /** Counter of messages that came into the lane. */
    arrived: count,
    /** Waiting messages whose deadline is within a minute; null where the tables did not say. */
    due_within_minute: count.nullable(),
  }),
  unknownSchema,
]);

/** One decision of the leader to change the size of a model. The subject is the model. */
export const scaleDecidedSchema = z.object({
  model: z.string(),
  /** Slots of the model, before and after. */
  from: count,
  to: count,
  /** `to`, by the lanes whose work it is for. */
  lanes: z.object({ realtime: count, high: count, normal: count, low: count }),
  /** What is ordered for all models together. */
  ordered: count,
  strategy: z.enum(SCALE_STRATEGY_NAMES),
  actuator: z.enum(ACTUATOR_KINDS),
  /** True where it was decided and not ordered. */
  dry_run: z.boolean(),
  /** In words, for people. */
  reason: z.string(),
  /** Of the leader; it grows with each. What an older term says after a newer one does not count. */
  term: count,
  /** What the decision was made from. */
  inputs: z.object({
    /** ISO 8601, UTC. */
    at: z.string(),
    /** Slots of the model that were there or ordered. */
    slots: amount,
    start_delay_ms: amount,
    lanes: z.object({
      ...{ realtime: laneInputSchema, high: laneInputSchema },
      ...{ normal: laneInputSchema, low: laneInputSchema },
    }),
    service: z.union([
      z.object({ busy_ms: amount, served: count, served_tokens: amount.nullable() }),
      unknownSchema,
    ]),
  }),
  by: z.string(),
});
export type ScaleDecided = z.infer<typeof scaleDecidedSchema>;
