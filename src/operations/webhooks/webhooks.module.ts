import { Module } from '@nestjs/common';
import { WebhookDues } from '../../broker/webhook-dues.js';
import { AdminModule } from '../../log/admin/admin.module.js';
import { EventLogModule } from '../../log/event-log.module.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { NATS } from '../../platform/tokens.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { WebhookFeed } from './nats/webhook-feed.js';
import { Receivers } from './receivers.js';
import { WebhookClient } from './webhook-client.js';
import { WebhookDeliveries } from './webhook-deliveries.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { WebhookSender } from './webhook-sender.js';

/**
 * Tells receivers of the ends of messages. Leaves out what begins a webhook, which is the fold's to say (`WebhookRelay`),
 * and the webhook for alerts, which is the operator's alone.
 */
@Module({
  imports: [EventLogModule, AdminModule, ProjectionReaderModule],
  providers: [
    {
      provide: WebhookDues,
      inject: [NATS, SOURCES],
      useFactory: (nats, { nowMs }: Sources) => new WebhookDues(nats, nowMs),
    },
    Receivers,
    WebhookClient,
    WebhookSecrets,
    WebhookSender,
    WebhookFeed,
    WebhookDeliveries,
  ],
  exports: [Receivers, WebhookClient, WebhookDeliveries, WebhookSecrets, WebhookSender],
})
export class WebhooksModule {}
