import { createHmac } from 'node:crypto';
import { Agent, type buildConnector, request } from 'undici';
import type { Alert } from './alert.port.js';

const PREFIX = 'whsec_';

export interface WebhookOptions {
  readonly url: string;
  /** Null: webhooks are not signed. */
  readonly secret: string | null;
  readonly timeoutMs: number;
  /** `EgressPolicy.connector`. */
  readonly connector: buildConnector.connector;
}

/**
 * Sends alerts by POST. The other side may get an alert more than once, under the same `webhook-id`. Redirects are not
 * followed: they would lead where nobody has checked.
 */
export class Webhook {
  private readonly agent: Agent;

  constructor(private readonly options: WebhookOptions) {
    this.agent = new Agent({ connect: options.connector });
  }

  /** @throws {Error} when the receiver did not answer with 2xx in time */
  async deliver(alert: Alert, nowMs: number): Promise<void> {
    const { url, secret, timeoutMs } = this.options;
    const body = JSON.stringify(alert);
    const { statusCode, body: answer } = await request(url, {
      method: 'POST',
      dispatcher: this.agent,
      // Alerts are rare: nothing is kept open for the next one.
      reset: true,
      headers: { 'content-type': 'application/json', ...webhookHeaders(alert.id, body, nowMs, secret) },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    await answer.dump();
    if (statusCode < 200 || statusCode > 299) throw new Error(`The webhook answered ${statusCode}.`);
  }
}

/**
 * The headers of a webhook as the Standard Webhooks specification (1.0) has them: id, time in seconds, and, with a
 * secret, `v1,` and the HMAC-SHA256 of `<id>.<time>.<body>` in base64. A secret with the prefix `whsec_` is base64.
 */
export function webhookHeaders(
  id: string,
  body: string,
  nowMs: number,
  secret: string | null,
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1_000));
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
  if (secret === null) return headers;
  const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { ...headers, 'webhook-signature': `v1,${signature}` };
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8');
}
