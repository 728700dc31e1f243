import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
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
    if (this.nats.isClosed() || this.nats.isDraining()) return;
    this.nats.publish(READINGS, JSON.stringify(readings));
  }

  /** @returns ends the listening */
  listen(heard: (readings: SchedulerReadings) => void): () => void {
    const subscription = this.nats.subscribe(READINGS, {
      callback: (error, message) => {
        const readings = error === null ? decode(message.data) : undefined;
        if (readings !== undefined) heard(readings);
      },
    });
    return () => subscription.unsubscribe();
  }
}

/** What does not fit the schema is passed over: anyone who may publish can have sent it. */
function decode(bytes: Uint8Array): SchedulerReadings | undefined {
  try {
    return schedulerReadingsSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined;
  }
}
