import { type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import type { DueWebhook } from '../domain/webhook/due-webhook.state.js';
import { WEBHOOKS_STREAM } from './streams.js';

const CONFIRM_WITHIN_MS = 5_000;

/** All webhooks that are due, as the consumer that sends them filters. */
export const DUE_WEBHOOKS_SUBJECT = 'llmq.webhooks.due.*';

/** Stored: changes must stay readable. */
const recordSchema = z.object({
  message_id: z.uuid(),
  id: z.uuid(),
  round: z.number().int().positive(),
  tries: z.number().int().nonnegative(),
});

/** @throws for a body that this class did not make */
export function decodeDueWebhook(body: string): DueWebhook {
  const { message_id: messageId, id, round, tries } = recordSchema.parse(JSON.parse(body));
  return { messageId, id, round, tries };
}

/**
 * When webhooks are tried, kept by the broker: what is due lies in a work queue, and what is not yet in one of its
 * schedules (`RetrySchedules` tells how these behave). It holds ids alone. Losing it loses nothing: the tables know which
 * webhooks wait, and `WebhookRelay` puts them in again.
 */
export class WebhookDues {
  private readonly client: JetStreamClient;

  constructor(
    private readonly nats: NatsConnection,
    private readonly nowMs: () => number,
  ) {
    this.client = jetstream(nats, { timeout: CONFIRM_WITHIN_MS });
  }

  /**
   * Resolves when it is durable. A webhook has one schedule: a later one takes the place of an earlier.
   *
   * @param atMs milliseconds since the epoch
   * @throws when the broker did not confirm it; it may stand all the same, and setting it again does no harm
   */
  async set({ messageId, id, round, tries }: DueWebhook, atMs: number): Promise<void> {
    const body = JSON.stringify({ message_id: messageId, id, round, tries });
    const expect = { streamName: WEBHOOKS_STREAM };
    if (atMs <= this.nowMs()) {
      await this.client.publish(dueSubject(id), body, { expect });
      return;
    }
    const schedule = { specification: `@at ${new Date(atMs).toISOString()}`, target: dueSubject(id) };
    await this.client.publish(scheduleSubject(id), body, { expect, schedule });
  }

  /** Those that `has` says it of, asked at once: a page of names for each of the broker's answers, however many it has. */
  async ids(): Promise<ReadonlySet<string>> {
    const { streams } = await jetstreamManager(this.nats, { checkAPI: false });
    const { state } = await streams.info(WEBHOOKS_STREAM, { subjects_filter: 'llmq.webhooks.*.*' });
    return new Set(
      Object.keys(state.subjects ?? {}).map((subject) => subject.slice(subject.lastIndexOf('.') + 1)),
    );
  }

  /** Whether it waits here, is due, or is being sent: what is sent leaves the queue when its outcome is in the log. */
  async has(id: string): Promise<boolean> {
    const { streams } = await jetstreamManager(this.nats, { checkAPI: false });
    for (const last_by_subj of [dueSubject(id), scheduleSubject(id)]) {
      if ((await streams.getMessage(WEBHOOKS_STREAM, { last_by_subj })) !== null) return true;
    }
    return false;
  }
}

function dueSubject(id: string): string {
  return `llmq.webhooks.due.${id}`;
}

function scheduleSubject(id: string): string {
  return `llmq.webhooks.schedules.${id}`;
}
