import { createHash } from 'node:crypto';
import { Inject, Injectable, Module } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { PROJECTION_STOPS, type ProjectionStop } from '../../projection/fold/projector.port.js';
import { ProjectorModule } from '../../projection/projection.module.js';
import type { Alert } from './alert.port.js';
import { AlertDelivery } from './alert-delivery.js';
import { AlertsModule } from './alerts.module.js';

/** What the webhook and the subject `llmq.alerts.projection-stopped` carry. */
export interface ProjectionStoppedAlert extends Alert {
  readonly type: 'projection_stopped';
  readonly applied_sequence: number;
  readonly error: { readonly code: string; readonly message: string };
  /** ISO 8601, UTC. */
  readonly stopped_at: string;
}

/**
 * Tells every receiver that the projection has stopped, and retries until the receiver takes it or the process ends.
 * After a restart the projection stops at the same event, and the alert is sent again under the same id.
 */
@Injectable()
export class ProjectionAlarm {
  constructor(
    @Inject(AlertDelivery) private readonly delivery: Pick<AlertDelivery, 'raise'>,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(PROJECTION_STOPS) stops: Observable<ProjectionStop>,
  ) {
    stops.subscribe((stop) => this.raise(stop));
  }

  /** Neither waits nor throws. */
  private raise({ code, message, applied }: ProjectionStop): void {
    const alert: ProjectionStoppedAlert = {
      ...{ type: 'projection_stopped', id: alertId(code, message, applied) },
      ...{ applied_sequence: applied, error: { code, message } },
      stopped_at: new Date(this.sources.nowMs()).toISOString(),
    };
    this.delivery.raise(alert);
  }
}

function alertId(code: string, message: string, applied: number): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([code, message, applied]))
    .digest('base64url');
  return `projection_stopped_${digest.slice(0, 22)}`;
}

/** Part of the role `projector`: raises an alert when the projection stops. */
@Module({ imports: [AlertsModule, ProjectorModule], providers: [ProjectionAlarm] })
export class ProjectionAlarmModule {}
