import { z } from 'zod';
import { NOT_NOW_REASONS } from '../../../../domain/message/message.events.js';

const name = z.string().min(1);
const number = z.number();
/** A time as "so long ago"; null for one that never was. */
const ago = z.number().nullable();

export const callSignSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('answered'), firstTokenMs: number.nullable(), tokens: number.nullable() }),
  z.object({ kind: z.literal('failed'), code: z.string(), stalled: z.boolean() }),
  z.object({
    kind: z.literal('not_now'),
    reason: z.enum(NOT_NOW_REASONS),
    retryAfterMs: number.nullable(),
  }),
  z.object({ kind: z.literal('rejected') }),
]);

/** Each second, from each process that calls endpoints. */
export const beatSchema = z.object({
  member: name,
  /** On the member's own clock, which nobody else reads: by its own beat that comes back it knows that it is heard. */
  at: number,
  /** It knows of something that is not simply well. */
  doubts: z.boolean(),
  /** Calls that went well since the last beat: endpoint, model, how many, a time to the first piece. */
  well: z.array(z.tuple([name, name, number, number.nullable()])),
  /** By endpoint whose minute is limited: what its calls of the last minute hold, by age. */
  used: z.record(name, z.object({ rpm: z.array(number), tpm: z.array(number) })),
});
export type Beat = z.infer<typeof beatSchema>;

export const leftSchema = z.object({ member: name });

/** What calls told, some milliseconds ago. */
export const signsSchema = z.object({
  member: name,
  signs: z.array(z.object({ endpoint: name, model: name, sign: callSignSchema, ageMs: number })),
});

const doubtSchema = z.object({
  endpoint: name,
  model: name,
  health: z.object({
    ...{ state: z.enum(['healthy', 'degraded', 'unhealthy']), reason: z.string(), sinceMs: ago },
    ...{ failuresInRow: number, refusalsInRow: number, refusedAtMs: ago },
    failedChecks: number.default(0),
    ...{ good: number, bad: number, countedAtMs: ago, stalledAtMs: ago },
    probe: z
      .object({
        ...{ dueAtMs: ago, failed: number, checked: z.enum(['up', 'down', 'unknown']) },
        byChecks: z.boolean().default(false),
      })
      .nullable(),
    ...{ backSinceMs: ago, relapses: number },
  }),
  coolDown: z
    .object({
      reason: z.enum(NOT_NOW_REASONS),
      ...{ sinceMs: ago, untilMs: ago, refusals: number },
    })
    .nullable(),
  pace: z.object({
    ...{ perSecond: number.nullable(), learnedAtMs: ago, learnedTimes: number, nextAtMs: ago },
    ...{ taken: number, countedSinceMs: ago, before: z.object({ taken: number, sinceMs: ago }) },
    ...{ spanMs: number, ceiling: number.nullable() },
    ...{ lastBeganMs: ago, learnAtMs: ago, refusedAtMs: ago },
  }),
});

/** From the one process that leads: all that is not simply well, and who tries. What is not in it is well. */
export const doubtsSchema = z.object({ member: name, tries: name, doubts: z.array(doubtSchema) });
export type Doubts = z.infer<typeof doubtsSchema>;
