import { z } from 'zod';
import type { AnswerChunk, CompletionNotice } from '../answers.port.js';

const decoder = new TextDecoder();

/** Of the deltas in one publish, in UTF-16 units: under what the server takes (1 MiB), however they are encoded. */
const MOST_IN_ONE = 256 * 1024;

const delta = z.record(z.string(), z.unknown());

/**
 * One or more chunks of a run and a model, whose sequence numbers follow each other from `seq`. A listener of a version that doesn't
 * know `more` reads the first of them, misses the others, and gets the rest with the whole answer.
 */
const chunksSchema = z.object({
  seq: z.number().int().positive(),
  attempt: z.number().int().positive(),
  delivery: z.number().int().positive().optional(),
  model: z.string().optional(),
  delta,
  more: z.array(delta).optional(),
});

const noticeSchema = z.object({ sequence: z.number().int().positive() });

/** Each text is one publish: chunks of another run, or behind a gap, begin a new one, and so does one that would be too large. */
export function encodeChunks(chunks: readonly AnswerChunk[]): string[] {
  const texts: string[] = [];
  let first: AnswerChunk | undefined;
  let deltas: string[] = [];
  let size = 0;
  const finish = () => {
    if (first !== undefined) texts.push(encodeGroup(first, deltas));
  };
  for (const chunk of chunks) {
    const text = JSON.stringify(chunk.delta);
    if (first === undefined || !follows(first, deltas.length, chunk) || size + text.length > MOST_IN_ONE) {
      finish();
      first = chunk;
      deltas = [];
      size = 0;
    }
    deltas.push(text);
    size += text.length;
  }
  finish();
  return texts;
}

/** Empty for what holds no chunk: it may come from anyone who may publish, and must not end anyone's stream. */
export function decodeChunks(bytes: Uint8Array): AnswerChunk[] {
  const group = chunksSchema.safeParse(parsed(bytes)).data;
  if (group === undefined) return [];
  const { seq, more = [], delta: first, ...run } = group;
  return [first, ...more].map((each, index) => ({ seq: seq + index, delta: each, ...run }));
}

/** As `encodeGroup` begins; the two numbers that come first fit into so many bytes. */
const RUN = /^\{"seq":\d+,"attempt":(\d+),(?:"delivery":(\d+),)?/;
const RUN_BYTES = 80;

/** Whether these are chunks of the same run, by a look at their beginning; false where that does not tell. */
export function isOfRun(bytes: Uint8Array, { attempt, delivery = 1 }: AnswerChunk): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, RUN_BYTES));
  const [, ofAttempt, ofDelivery = 1] = RUN.exec(head.toString('latin1')) ?? [];
  return Number(ofAttempt) === attempt && Number(ofDelivery) === delivery;
}

function follows(first: AnswerChunk, count: number, chunk: AnswerChunk): boolean {
  const { seq, attempt, delivery, model } = chunk;
  const sameRun = attempt === first.attempt && delivery === first.delivery && model === first.model;
  return sameRun && seq === first.seq + count;
}

function encodeGroup(chunk: AnswerChunk, [first, ...more]: readonly string[]): string {
  const { seq, attempt, delivery, model } = chunk;
  const run =
    (delivery === undefined ? '' : `"delivery":${delivery},`) +
    (model === undefined ? '' : `"model":${JSON.stringify(model)},`);
  const rest = more.length === 0 ? '' : `,"more":[${more.join()}]`;
  return `{"seq":${seq},"attempt":${attempt},${run}"delta":${first}${rest}}`;
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
