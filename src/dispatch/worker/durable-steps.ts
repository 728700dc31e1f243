import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, Optional } from '@nestjs/common';
import type { Logger } from 'pino';
import type { MessageEvent } from '../../domain/message/message.events.js';
import { LogFullError, LogOverloadedError, LogUnavailableError } from '../../log/event-log.errors.js';
import type { Appended, EventLog } from '../../log/event-log.port.js';
import { ThrottledWarning } from '../../platform/logging/throttled-warning.js';
import { within } from '../../platform/telemetry/spans.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import { RetrySchedules } from '../lanes/jetstream/retry-schedules.js';
import type { RetrySchedule } from '../lanes/lane.port.js';
import { DeliverySpans } from './delivery-spans.js';
import { WorkerStop, WorkerStoppingError } from './worker-stop.js';

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 2_000;

/**
 * What must have happened before a message leaves its lane. While the broker is away a step is tried again until it
 * succeeds: an answer that a model gave must not be lost as long as this process lives.
 *
 * An append in doubt stays the same append until it is known to be stored, so that its events are stored once. It ends
 * with the worker only.
 */
@Injectable()
export class DurableSteps {
  /** One for all messages that wait. */
  private readonly waits: ThrottledWarning;

  constructor(
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'append'>,
    @Inject(RetrySchedules) private readonly schedules: Pick<RetrySchedules, 'set'>,
    @Inject(WorkerStop) private readonly stop: WorkerStop,
    @Inject(LOGGER) logger: Logger,
    @Optional() @Inject(DeliverySpans) private readonly spans?: Pick<DeliverySpans, 'append'>,
  ) {
    this.waits = new ThrottledWarning(logger);
  }

  /**
   * @throws {WorkerStoppingError} when the worker's time is over first
   * @throws what the log threw, where trying again can't help
   */
  async append(events: readonly MessageEvent[]): Promise<Appended> {
    const append = () => this.persist(() => this.log.append(events, { until: this.stop.signal }), isLogAway);
    return within(this.spans?.append(events) ?? null, append);
  }

  /** @throws {WorkerStoppingError} when the worker's time is over first */
  async schedule(schedule: RetrySchedule): Promise<void> {
    return this.persist(
      () => this.schedules.set(schedule),
      () => true,
    );
  }

  private async persist<T>(step: () => Promise<T>, passes: (error: unknown) => boolean): Promise<T> {
    for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS)) {
      try {
        return await step();
      } catch (error) {
        if (!passes(error)) throw error;
        this.waits.warn({ err: error }, 'messages wait for the log; trying again');
      }
      await sleep(delayMs, undefined, { signal: this.stop.signal }).catch(() => {});
      if (this.stop.signal.aborted) throw new WorkerStoppingError();
    }
  }
}

function isLogAway(error: unknown): boolean {
  return (
    error instanceof LogUnavailableError ||
    error instanceof LogOverloadedError ||
    error instanceof LogFullError
  );
}
