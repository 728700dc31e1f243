import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { backoffDelayMs } from '../../domain/message/backoff.policy.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { LOGGER } from '../../platform/tokens.js';
import { ALERT_RECEIVERS, type Alert, type AlertReceiver } from './alert.port.js';

const RETRY = { baseDelayMs: 1_000, maxDelayMs: 60_000 };

/** Brings alerts to every receiver, each on its own, until it takes them or the process ends. */
@Injectable()
export class AlertDelivery implements OnApplicationShutdown {
  private readonly ending = new AbortController();

  constructor(
    @Inject(ALERT_RECEIVERS) private readonly receivers: readonly AlertReceiver[],
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'random'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Neither waits nor throws. */
  raise(alert: Alert): void {
    for (const receiver of this.receivers) void this.deliver(receiver, alert);
  }

  onApplicationShutdown(): void {
    this.ending.abort();
  }

  private async deliver({ name, deliver }: AlertReceiver, alert: Alert): Promise<void> {
    const { signal } = this.ending;
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        return await deliver(alert);
      } catch (err) {
        this.logger.warn({ err, receiver: name, alert: alert.type }, 'An alert was not taken; trying again');
      }
      const delayMs = backoffDelayMs(tries, RETRY, this.sources.random());
      await sleep(delayMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }
}
