import { z } from 'zod';

const isoTime = z.iso.datetime();
const fromOne = z.number().int().positive();

/** Who named the address: the message itself, the configuration of its API key, or the configuration for all. */
export const CALLBACK_SOURCES = ['message', 'key', 'configuration'] as const;

/** Where a webhook goes when a message has ended. */
export const callbackSchema = z.object({ url: z.string(), named_by: z.enum(CALLBACK_SOURCES) });
export type Callback = z.infer<typeof callbackSchema>;

/** What webhooks tell, in the words of a message's status. */
export const WEBHOOK_TYPES = [
  'message.completed',
  'message.failed',
  'message.cancelled',
  'message.expired',
] as const;
export type WebhookType = (typeof WEBHOOK_TYPES)[number];

/**
 * A webhook and its place in its life, as each of its events says it: an event alone then gives its whole row. It begins
 * with the terminal event that counts, whose id is its own.
 */
export const webhookSchema = z.object({
  id: z.uuid(),
  type: z.enum(WEBHOOK_TYPES),
  ended_at: isoTime,
  /** From 1; asked to be delivered again, it begins the next. */
  round: fromOne,
});
export type WebhookOfEvent = z.infer<typeof webhookSchema>;

export const WEBHOOK_OUTCOMES = ['delivered', 'retrying', 'failed'] as const;
export type WebhookOutcome = (typeof WEBHOOK_OUTCOMES)[number];

export const webhookTriedSchema = z.object({
  webhook: webhookSchema,
  /** Tries of this round so far, this one included; it stays where none was made. */
  tries: z.number().int().nonnegative(),
  outcome: z.enum(WEBHOOK_OUTCOMES),
  /** Why it was not delivered, for programs. */
  reason: z.string().nullable(),
  /** Of HTTP, where the receiver answered. */
  status: z.number().int().nullable(),
  duration_ms: z.number().nonnegative(),
  /** Null at the end. */
  next_try_at: isoTime.nullable(),
});

export const webhookWantedSchema = z.object({ webhook: webhookSchema, by: z.string() });
