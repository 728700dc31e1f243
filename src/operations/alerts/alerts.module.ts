import { Module } from '@nestjs/common';
import { SOURCES } from '../../platform/clock.js';
import { SERVICE_CONFIG } from '../../platform/config/service-config.js';
import { NATS } from '../../platform/tokens.js';
import { ALERT_RECEIVERS } from './alert.port.js';
import { AlertDelivery } from './alert-delivery.js';
import { alertReceivers } from './nats/alert-receivers.js';

/** Where alerts go: a subject of NATS, and the webhook where one is configured. Leaves out what raises alerts. */
@Module({
  providers: [
    { provide: ALERT_RECEIVERS, inject: [NATS, SERVICE_CONFIG, SOURCES], useFactory: alertReceivers },
    AlertDelivery,
  ],
  exports: [ALERT_RECEIVERS, AlertDelivery],
})
export class AlertsModule {}
