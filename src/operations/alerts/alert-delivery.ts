import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backoffDelayMs } from '../../domain/message/backoff.policy.js';
import type { Alert, AlertReceiver } from './alert.port.js';

const RETRY = { baseDelayMs: 1_000, maxDelayMs: 60_000 };

/** Brings alerts to every receiver, each on its own, until it takes them or the process ends. */
export class AlertDelivery {
  private readonly ending = new AbortController();

  constructor(
    private readonly receivers: readonly AlertReceiver[],
    private readonly random: () => number,
    private readonly logger: Logger,
  ) {}

  /** Neither waits nor throws. */
  raise(alert: Alert): void {
    for (const receiver of this.receivers) void this.deliver(receiver, alert);
  }

  stop(): void {
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
      const delayMs = backoffDelayMs(tries, RETRY, this.random());
      await sleep(delayMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }
}
