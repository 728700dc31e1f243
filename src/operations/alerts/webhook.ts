import { request } from 'undici';
import type { Alert } from './alert.js';
import { webhookHeaders } from './webhook-signature.js';

export interface WebhookOptions {
  readonly url: string;
  /** Null sends unsigned. */
  readonly secret: string | null;
  readonly timeoutMs: number;
}

/** One receiver of alerts. It may get an alert more than once, under the same `webhook-id`. */
export class Webhook {
  constructor(private readonly options: WebhookOptions) {}

  /** @throws {Error} when the receiver did not answer with 2xx in time */
  async deliver(alert: Alert, nowMs: number): Promise<void> {
    const { url, secret, timeoutMs } = this.options;
    const body = JSON.stringify(alert);
    const { statusCode, body: answer } = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...webhookHeaders(alert.id, body, nowMs, secret) },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    await answer.dump();
    if (statusCode < 200 || statusCode > 299) throw new Error(`The webhook answered ${statusCode}.`);
  }
}
