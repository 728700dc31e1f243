import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { broadcast, onBroadcast } from '../../../broker/broadcasts.js';
import { NATS } from '../../../platform/tokens.js';
import { type SchedulerReadings, schedulerReadingsSchema } from '../scheduler-readings.js';

/** Core NATS, captured by no stream: a reading that nobody heard is made good by the next. */
const READINGS = 'llmq.scheduler.readings';

/** How the leader's readings reach every process. */
@Injectable()
export class ReadingsChannel {
  constructor(@Inject(NATS) private readonly nats: NatsConnection) {}

  /** Nothing while the connection ends. */
  tell(readings: SchedulerReadings): void {
    broadcast(this.nats, READINGS, readings);
  }

  /** @returns ends the listening */
  listen(heard: (readings: SchedulerReadings) => void): () => void {
    return onBroadcast(this.nats, READINGS, schedulerReadingsSchema, heard);
  }
}
