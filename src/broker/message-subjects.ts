import type { Lane } from '../domain/message/lane.policy.js';

/** Captured by the stream `LLMQ_CHUNKS`. */
const CHUNKS = 'llmq.chunks.';
/** No stream captures it: only those who listen at that moment need it. */
const DONE = 'llmq.done.';

/** Where processes tell whose answers they listen to. */
export const WANTED_PIECES_SUBJECT = 'llmq.wanted.pieces';

export const EVERY_DONE_SUBJECT = `${DONE}*`;

export function chunkSubject(messageId: string): string {
  return CHUNKS + token(messageId);
}

export function doneSubject(messageId: string): string {
  return DONE + token(messageId);
}

export function messageIdOfDone(subject: string): string {
  return subject.slice(DONE.length);
}

/** A wildcard or a dot in an id would listen to the messages of others. */
function token(messageId: string): string {
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(messageId)) throw new TypeError(`Not a message id: ${messageId}`);
  return messageId;
}

export function dueSubject(lane: Lane): string {
  return `llmq.due.${lane}`;
}

/** One subject per message, because the broker keeps one schedule per subject: the later one wins. */
export function scheduleSubject(lane: Lane, messageId: string): string {
  return `llmq.schedules.${lane}.${messageId}`;
}

/** The message's schedule, whichever lane it is for. */
export function anyScheduleSubject(messageId: string): string {
  return `llmq.schedules.*.${messageId}`;
}
