import { z } from 'zod';
import type { CloudEvent } from '../cloud-event.events.js';
import { laneSchema } from '../message/message.events.js';
import { endpointTuningSchema, registeredEndpointSchema } from './endpoint.events.js';
import { scaleDecidedSchema, schedulerChangesSchema } from './scale.events.js';

/**
 * How a rule looks for its words: as given, or as a regular expression in RE2's syntax, which can't backtrack; `any` text
 * will do. Besides, all that it asks of metadata and length must be so.
 */
export const priorityRuleSchema = z.object({
  id: z.string(),
  kind: z.enum(['keywords', 'pattern', 'any']),
  /** For `keywords`: any of them, without regard to case. */
  keywords: z.array(z.string()),
  /** For `pattern`. */
  pattern: z.string().nullable(),
  /** What entries of the message's metadata must be. */
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  /** Of all text of the message. */
  min_tokens: z.number().int().nonnegative().optional(),
  max_tokens: z.number().int().nonnegative().optional(),
  priority: laneSchema,
  /** Of several rules that match, the priority with the largest sum of weights is taken. */
  weight: z.number().positive(),
  description: z.string(),
});
export type PriorityRule = z.infer<typeof priorityRuleSchema>;

const by = z.string();

/** Of one model at one endpoint. */
const endpointStateSchema = z.enum(['healthy', 'degraded', 'unhealthy']);

/**
 * The data of what admins change, by CloudEvents type. `by` names the key or user. The subject is the rule's id, the
 * user's id, the lane or the endpoint's name. Rules and users belong to a tenant; lanes and endpoints are shared by all.
 */
export const adminEventSchemas = {
  'llmq.admin.priority-rule-set.v1': z.object({ rule: priorityRuleSchema, by }),
  'llmq.admin.priority-rule-removed.v1': z.object({ by }),
  'llmq.admin.user-priority-set.v1': z.object({ user_id: z.string(), priority: laneSchema, by }),
  'llmq.admin.user-priority-removed.v1': z.object({ user_id: z.string(), by }),
  'llmq.admin.lane-paused.v1': z.object({ lane: laneSchema, by, reason: z.string() }),
  'llmq.admin.lane-resumed.v1': z.object({ lane: laneSchema, by, reason: z.string() }),
  /** Told by the service, not by an admin: `by` names the process. The subject is the endpoint's name. */
  'llmq.admin.endpoint-state-changed.v1': z.object({
    ...{ endpoint: z.string(), model: z.string() },
    ...{ from: endpointStateSchema, to: endpointStateSchema, reason: z.string(), by },
  }),
  /** Registered, or changed: the whole endpoint as it is from now on. */
  'llmq.admin.endpoint-set.v1': z.object({ endpoint: registeredEndpointSchema, by }),
  /** An endpoint of the configuration file is changed within what the file allows. */
  'llmq.admin.endpoint-tuned.v1': z.object({ tuning: endpointTuningSchema, by }),
  'llmq.admin.endpoint-removed.v1': z.object({ by }),
  'llmq.admin.endpoint-drained.v1': z.object({ by, reason: z.string() }),
  'llmq.admin.endpoint-undrained.v1': z.object({ by, reason: z.string() }),
  /** Told by the service when a receiver answered 410. The subject is made of its tenant and its address. */
  'llmq.admin.webhook-receiver-switched-off.v1': z.object({ url: z.string(), reason: z.string(), by }),
  'llmq.admin.webhook-receiver-switched-on.v1': z.object({ url: z.string(), by }),
  /** What differs from the configuration from now on, as a whole. The subject is `scheduler`. */
  'llmq.admin.scheduler-set.v1': z.object({ changes: schedulerChangesSchema, by }),
  /** Told by the leader of the schedulers, for every change of size: what, by whom, why. The subject is the model. */
  'llmq.admin.scale-decided.v1': scaleDecidedSchema,
  /**
   * A person let the tables be built from a log that had lost records. The loss stays told: an auditor still finds it,
   * but the projection goes on. The subject is the log's name.
   */
  'llmq.admin.log-loss-accepted.v1': z.object({
    /** Pairs of a first and a last sequence that the log does not hold and no erasure names. */
    sequences: z.array(z.tuple([z.number().int().positive(), z.number().int().positive()])),
    /** Where the tables knew more than the log: up to where, and where the log ended. */
    tables_up_to: z.number().int().positive().nullable(),
    log_ended_at: z.number().int().nonnegative(),
    by,
  }),
} as const;

export type AdminEventType = keyof typeof adminEventSchemas;
export type AdminEventData = { [T in AdminEventType]: z.infer<(typeof adminEventSchemas)[T]> };
export type AdminEvent = { [T in AdminEventType]: CloudEvent<T, AdminEventData[T]> }[AdminEventType];
