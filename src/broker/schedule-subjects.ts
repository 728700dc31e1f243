import type { Lane } from '../domain/message/message.events.js';

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
