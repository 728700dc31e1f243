import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, request } from 'undici';
import { retryAfterMs } from '../../dispatch/endpoints/openai/retryable.policy.js';
import type { Callback } from '../../domain/webhook/callback.events.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EgressPolicy, EgressRefusedError } from '../../platform/security/egress.js';
import type { NamedBy } from '../../platform/security/egress.policy.js';
import { VERSION } from '../../platform/version.js';
import type { WebhookAnswer } from './webhook-verdict.policy.js';

/** What a receiver says is of no use here; a short answer is read, so that its connection can be used again. */
const MOST_READ_BYTES = 16 * 1024;

/**
 * Sends webhooks by POST. Redirects are not followed. Each connection is checked by `security.egress` when it is made, by
 * the very address that it goes to: what a name leads to may have changed since it was accepted.
 */
@Injectable()
export class WebhookClient implements OnApplicationShutdown {
  private readonly agents: Readonly<Record<NamedBy, Agent>>;
  private readonly timeoutMs: number;

  constructor(
    @Inject(SERVICE_CONFIG) config: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'steadyMs'>,
  ) {
    this.timeoutMs = config.webhooks.timeout_ms;
    const egress = new EgressPolicy(config);
    const agent = (namedBy: NamedBy) =>
      new Agent({ connect: egress.connector({ namedBy, timeout: this.timeoutMs }) });
    this.agents = { configuration: agent('configuration'), request: agent('request') };
  }

  /** Never rejects: what goes wrong is the answer. */
  async send(
    { url, named_by }: Callback,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): Promise<WebhookAnswer> {
    const startedMs = this.sources.steadyMs();
    const signal = AbortSignal.timeout(this.timeoutMs);
    const told = (part: Omit<WebhookAnswer, 'durationMs'>): WebhookAnswer => ({
      ...part,
      durationMs: Math.round(this.sources.steadyMs() - startedMs),
    });
    try {
      const answer = await request(url, {
        method: 'POST',
        dispatcher: this.agents[named_by === 'message' ? 'request' : 'configuration'],
        headers: {
          'content-type': 'application/json',
          'user-agent': `llm-message-queue/${VERSION}`,
          ...headers,
        },
        body,
        signal,
      });
      // The status is all that counts; what fails behind it costs a connection.
      await answer.body.dump({ limit: MOST_READ_BYTES, signal }).catch(() => {});
      const wishMs = retryAfterMs(answer.headers, this.sources.nowMs());
      return told({ status: answer.statusCode, problem: null, retryAfterMs: wishMs });
    } catch (error) {
      return told({ status: null, problem: problemOf(error, signal), retryAfterMs: null });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(Object.values(this.agents).map((agent) => agent.destroy()));
  }
}

function problemOf(error: unknown, signal: AbortSignal): string {
  if (error instanceof EgressRefusedError) return error.code;
  const { code } = error as { code?: unknown };
  const isLate = signal.aborted || code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT';
  return isLate ? 'timeout' : 'connection_failed';
}
