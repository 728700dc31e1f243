import { z } from 'zod';
import { type CloudEvent, type CloudEventContext, cloudEvent } from '../cloud-event.events.js';

const sequence = z.number().int().positive();

/** What of a message is taken out: what was asked and answered, or all of it. */
export const ERASED_PARTS = ['content', 'message'] as const;
export type ErasedPart = (typeof ERASED_PARTS)[number];

/**
 * The data of every event of an erasure of messages, by CloudEvents type. The subject is the erasure's own id. They stay
 * in the log for ever: they say who, when and where, and nothing of what was erased.
 */
export const erasureEventSchemas = {
  /** From here on nothing of these messages is read any more. Of one that loses its content alone the rest follows. */
  'llmq.erasure.decided.v1': z.object({
    by: z.string(),
    reason: z.string(),
    part: z.enum(ERASED_PARTS),
    /** With the last event that counted: one that went on since is left as it is. */
    messages: z.array(z.object({ id: z.string(), last_sequence: sequence })),
    /** What their conversations keep of them: the time of the newest. */
    turns: z.array(z.object({ conversation_id: z.string(), last_message_at: z.iso.datetime() })),
  }),
  /** Which records of the log are taken out now, said before they are. Each pair is a first and a last sequence. */
  'llmq.erasure.begun.v1': z.object({ sequences: z.array(z.tuple([sequence, sequence])) }),
  /** Nothing of what was erased is in the log any more up to this sequence. */
  'llmq.erasure.finished.v1': z.object({
    up_to_sequence: sequence,
    events: z.number().int().nonnegative(),
  }),
} as const;

export type ErasureEventType = keyof typeof erasureEventSchemas;
export type ErasureEventData = { [T in ErasureEventType]: z.infer<(typeof erasureEventSchemas)[T]> };
export type ErasureEventOf<T extends ErasureEventType> = CloudEvent<T, ErasureEventData[T]>;
export type ErasureEvent = { [T in ErasureEventType]: ErasureEventOf<T> }[ErasureEventType];

/** @param context its subject is the erasure's id */
export function erasureEvent<T extends ErasureEventType>(
  context: CloudEventContext,
  type: T,
  data: ErasureEventData[T],
): ErasureEventOf<T> {
  return cloudEvent(context, type, data);
}
