import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

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
