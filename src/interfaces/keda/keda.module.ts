import { Module } from '@nestjs/common';
import { SchedulerStateModule } from '../../scheduler/scheduler-state.module.js';
import { ExternalScaler } from './external-scaler.controller.js';

/** What KEDA scales a Deployment of workers by, over gRPC. Leaves out the port, which `serveKeda` opens where it is set. */
@Module({ imports: [SchedulerStateModule], controllers: [ExternalScaler] })
export class KedaModule {}
