import { z } from 'zod';
import type { AnswerChunk, CompletionNotice } from '../answers.port.js';

const decoder = new TextDecoder();

const chunkSchema = z.object({
  seq: z.number().int().positive(),
  attempt: z.number().int().positive(),
  delivery: z.number().int().positive().optional(),
  delta: z.record(z.string(), z.unknown()),
});

const noticeSchema = z.object({ sequence: z.number().int().positive() });

export function encodeChunk({ seq, attempt, delivery, delta }: AnswerChunk): string {
  return JSON.stringify({ seq, attempt, delivery, delta });
}

/** Null for what is no chunk: it may come from anyone who may publish, and must not end anyone's stream. */
export function decodeChunk(bytes: Uint8Array): AnswerChunk | null {
  return chunkSchema.safeParse(parsed(bytes)).data ?? null;
}

export function encodeNotice({ sequence }: CompletionNotice): string {
  return JSON.stringify({ sequence });
}

/** Null for what is no notice. */
export function decodeNotice(messageId: string, bytes: Uint8Array): CompletionNotice | null {
  const notice = noticeSchema.safeParse(parsed(bytes)).data;
  return notice === undefined ? null : { messageId, sequence: notice.sequence };
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return null;
  }
}
