import { Global, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { SERVICE_CONFIG, type ServiceConfig } from '../config/service-config.js';
import { LaneLagReader } from '../lanes/jetstream/lane-lag.js';
import { laneLagProvider } from '../lanes/jetstream/lane-providers.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { LaneAdmission } from './lane-admission.js';
import { workerBeatsProvider } from './nats/beat-provider.js';
import { WorkerBeats } from './nats/worker-beats.js';
import { WorkersSeen } from './workers-seen.js';

/**
 * What any role may want to know of the queue as a whole: the lanes' lag (one reader in a process), the workers that
 * are alive, and whether a lane has room. Global, because each of these is there once in a process.
 * Leaves out what single workers do, and the routes.
 */
@Global()
@Module({
  providers: [
    laneLagProvider,
    workerBeatsProvider,
    {
      provide: WorkersSeen,
      inject: [SOURCES],
      useFactory: (sources: Sources) => new WorkersSeen(sources.nowMs),
    },
    {
      provide: LaneAdmission,
      inject: [LaneLagReader, SERVICE_CONFIG, WorkersSeen],
      useFactory: (lag: LaneLagReader, { queue: { levels } }: ServiceConfig, workers: WorkersSeen) => {
        const limits = {
          realtime: levels.realtime.max_size,
          high: levels.high.max_size,
          normal: levels.normal.max_size,
          low: levels.low.max_size,
        };
        return new LaneAdmission(lag, limits, (lane) => workers.running(lane));
      },
    },
  ],
  exports: [LaneLagReader, WorkerBeats, WorkersSeen, LaneAdmission],
})
export class QueuesModule implements OnModuleInit, OnApplicationShutdown {
  private endListening: (() => void) | null = null;

  constructor(
    @Inject(WorkerBeats) private readonly beats: WorkerBeats,
    @Inject(WorkersSeen) private readonly workers: WorkersSeen,
  ) {}

  onModuleInit(): void {
    this.endListening = this.beats.listen(this.workers);
  }

  onApplicationShutdown(): void {
    this.endListening?.();
  }
}
