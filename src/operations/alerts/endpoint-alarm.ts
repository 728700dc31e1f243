import { Inject, Injectable, Module } from '@nestjs/common';
import { EndpointHealthModule } from '../../dispatch/endpoints/health/endpoint-health.module.js';
import { HealthKeeper } from '../../dispatch/endpoints/health/health-keeper.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import type { Alert } from './alert.port.js';
import { AlertDelivery } from './alert-delivery.js';
import { AlertsModule } from './alerts.module.js';

/** What the webhook and the subject `llmq.alerts.endpoint-state-changed` carry. */
export interface EndpointStateAlert extends Alert {
  readonly type: 'endpoint_state_changed';
  readonly endpoint: string;
  readonly model: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly changed_at: string;
}

/** Tells every receiver when a deployment stops serving and when it serves again; the doubt in between is told by metrics. */
@Injectable()
export class EndpointAlarm {
  constructor(
    @Inject(AlertDelivery) delivery: Pick<AlertDelivery, 'raise'>,
    @Inject(SOURCES) sources: Sources,
    @Inject(HealthKeeper) keeper: Pick<HealthKeeper, 'changes'>,
  ) {
    keeper.changes.subscribe((change) => {
      if (change.to !== 'unhealthy' && change.from !== 'unhealthy') return;
      const alert: EndpointStateAlert = {
        ...{ type: 'endpoint_state_changed', id: sources.newId(), ...change },
        changed_at: new Date(sources.nowMs()).toISOString(),
      };
      delivery.raise(alert);
    });
  }
}

/** Part of the role `worker`: raises an alert when an endpoint stops or starts to serve. */
@Module({ imports: [AlertsModule, EndpointHealthModule], providers: [EndpointAlarm] })
export class EndpointAlarmModule {}
