import { type DynamicModule, Global, Module } from '@nestjs/common';
import type { NatsDurability } from '../broker/nats-durability.js';
import type { EventLog } from '../log/event-log.port.js';
import { LogRoom } from '../log/room/log-room.js';
import type { Role } from '../platform/config/service-config.js';
import { guideTo } from '../platform/guide.js';
import { EVENT_LOG } from '../platform/tokens.js';
import { PROJECTOR, type ProcessProjector } from '../projection/fold/projector.port.js';
import { ProjectionReaderModule, ProjectorModule } from '../projection/projection.module.js';
import { ProjectionHealth } from '../projection/read/projection-health.js';
import { HEALTH_CHECKS, type HealthCheck } from './health/readiness.js';

/**
 * What "ready" means for a process of any role: the log answers, and the projection is there and moves, in whichever
 * process it runs. Leaves out the model endpoints: without them messages wait, which is what a queue is for.
 */
@Global()
@Module({})
export class HealthChecksModule {
  static of(durability: NatsDurability, roles: ReadonlySet<Role>): DynamicModule {
    return {
      module: HealthChecksModule,
      imports: [roles.has('projector') ? ProjectorModule : ProjectionReaderModule],
      providers: [
        {
          provide: HEALTH_CHECKS,
          inject: [EVENT_LOG, LogRoom, ProjectionHealth, { token: PROJECTOR, optional: true }],
          useFactory: (
            log: EventLog,
            room: LogRoom,
            tables: ProjectionHealth,
            projector?: ProcessProjector,
          ): HealthCheck[] => [
            logCheck(log, room, durability),
            tables,
            ...(projector === undefined ? [] : [projectorCheck(projector)]),
          ],
        },
      ],
      exports: [HEALTH_CHECKS],
    };
  }
}

/**
 * Asks the stream itself, so that a connection without a working stream behind it is not taken for a log. A log that
 * answers and stores nothing, takes no new messages, or has too few servers for a majority, is not ready either.
 */
function logCheck(log: EventLog, room: LogRoom, durability: NatsDurability): HealthCheck {
  return {
    name: 'event_log',
    check: async () => {
      if (room.state.kind !== 'open') return { ok: false, detail: room.advice };
      const hindrance = await log.hindrance();
      if (hindrance !== null) return { ok: false, detail: `${hindrance}.` };
      const last = await log.lastSequence();
      return { ok: true, detail: `${last} events. ${durability.text}` };
    },
  };
}

const STOPPED = `The projection has stopped there and skips nothing: see ${guideTo('projectionStops')}.`;

/** The process's own projector: standing by for another's is as good as working. */
function projectorCheck(projector: ProcessProjector): HealthCheck {
  return {
    name: 'projector',
    check: async () => {
      const { running, active, error } = projector.health;
      if (error === null) return { ok: running, detail: active ? 'active' : 'standing by' };
      return { ok: false, detail: running ? error : `${error} ${STOPPED}` };
    },
  };
}
