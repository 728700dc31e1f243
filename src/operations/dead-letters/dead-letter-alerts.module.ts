import { Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { EventLogModule } from '../../log/event-log.module.js';
import { AlertsModule } from '../alerts/alerts.module.js';
import { DeadLetterAlerts } from './nats/dead-letter-alerts.js';

/** Tells of dead letters by the subject `llmq.alerts.dead-letter`, and by a webhook where one is configured. */
@Module({ imports: [EventLogModule, AlertsModule], providers: [DeadLetterAlerts] })
export class DeadLetterAlertsModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(private readonly alerts: DeadLetterAlerts) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.alerts.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.alerts.stop();
  }
}
