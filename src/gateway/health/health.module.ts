import { Module } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { ReadinessProbe } from './readiness.js';

/**
 * `/health/live` and `/health/ready`, for every role.
 * Leaves out the checks themselves: `HEALTH_CHECKS` comes from a global module, since each role has its own.
 */
@Module({ controllers: [HealthController], providers: [ReadinessProbe] })
export class HealthModule {}
