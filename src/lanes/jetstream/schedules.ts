import { type JetStreamClient, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { SCHEDULES_STREAM } from '../../event-log/jetstream/streams.js';
import type { Lane } from '../../message/message.events.js';
import type { RetrySchedule, RetrySchedules } from '../lane.port.js';
import { encodeDue } from './due-message.codec.js';

const CONFIRM_WITHIN_MS = 5_000;

export function dueSubject(lane: Lane): string {
  return `llmq.due.${lane}`;
}

/** One subject per message, because the broker keeps one schedule per subject: the later one wins. */
export function scheduleSubject(lane: Lane, messageId: string): string {
  return `llmq.schedules.${lane}.${messageId}`;
}

/**
 * Retry times kept by the broker (its message schedules, ADR-51 of the NATS project). At the time it stores the body
 * under `llmq.due.<lane>` and removes the schedule, in one step that survives its restarts.
 *
 * Seen with nats-server 2.15.1: milliseconds in the time are honoured; a message is due up to 250 ms late, and so is one
 * whose time is past; times that passed while the server was down are due right after its start.
 */
export class JetStreamRetrySchedules implements RetrySchedules {
  private readonly client: JetStreamClient;

  constructor(nats: NatsConnection) {
    this.client = jetstream(nats, { timeout: CONFIRM_WITHIN_MS });
  }

  async set(schedule: RetrySchedule): Promise<void> {
    const lane = schedule.message.priority;
    await this.client.publish(scheduleSubject(lane, schedule.messageId), encodeDue(schedule), {
      expect: { streamName: SCHEDULES_STREAM },
      schedule: { specification: `@at ${schedule.dueAt}`, target: dueSubject(lane) },
    });
  }
}
