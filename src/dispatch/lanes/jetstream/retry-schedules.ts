import { type JetStreamClient, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { dueSubject, scheduleSubject } from '../../../broker/message-subjects.js';
import { SCHEDULES_STREAM } from '../../../broker/streams.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { NATS } from '../../../platform/tokens.js';
import type { RetrySchedule } from '../lane.port.js';
import { encodeDue } from './due-message.codec.js';

const CONFIRM_WITHIN_MS = 5_000;
/**
 * The broker looks at its schedules every 250 ms or so, and writes each due message with several syncs of the disk. They
 * are set for this much earlier, and the relay, whose clock is finer, holds the message for the rest of its time.
 */
const LEAD_MS = 1_000;

/**
 * Retry times kept by the broker (its message schedules, ADR-51 of the NATS project). At the time it stores the body
 * under `llmq.due.<lane>` and removes the schedule, in one step that survives its restarts.
 *
 * Seen with nats-server 2.15.1: milliseconds in the time are honoured; a message is due up to 250 ms late, and so is one
 * whose time is past; times that passed while the server was down are due right after its start. So what is due within
 * the lead goes to the relay without a schedule.
 */
@Injectable()
export class RetrySchedules {
  private readonly client: JetStreamClient;

  constructor(
    @Inject(NATS) nats: NatsConnection,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs'>,
  ) {
    this.client = jetstream(nats, { timeout: CONFIRM_WITHIN_MS });
  }

  /**
   * Resolves when the schedule is durable. A message has one schedule: a later one takes the place of an earlier.
   * @throws when the broker did not confirm it; it may stand all the same, and setting it again does no harm
   */
  async set(schedule: RetrySchedule): Promise<void> {
    const lane = schedule.message.priority;
    const expect = { streamName: SCHEDULES_STREAM };
    const at = Date.parse(schedule.dueAt) - LEAD_MS;
    if (at <= this.sources.nowMs()) {
      await this.client.publish(dueSubject(lane), encodeDue(schedule), { expect });
      return;
    }
    await this.client.publish(scheduleSubject(lane, schedule.messageId), encodeDue(schedule), {
      expect,
      schedule: { specification: `@at ${new Date(at).toISOString()}`, target: dueSubject(lane) },
    });
  }
}
