import { Module } from '@nestjs/common';
import { HttpModule } from '../../interfaces/http/http.module.js';
import { HealthController } from './health.controller.js';
import { HealthAnswer } from './health-answer.js';
import { ReadinessProbe } from './readiness.js';
import { ServiceHealthController } from './service-health.controller.js';

/**
 * `/health`, `/health/live` and `/health/ready`, for every role, and with them the rules of `HttpModule`.
 * Leaves out the checks themselves: `HEALTH_CHECKS` comes from a global module, since each role has its own.
 */
@Module({
  imports: [HttpModule],
  controllers: [HealthController, ServiceHealthController],
  providers: [HealthAnswer, ReadinessProbe],
})
export class HealthModule {}
