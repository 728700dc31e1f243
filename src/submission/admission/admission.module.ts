import { Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { LaneLagReader } from '../../dispatch/lanes/jetstream/lane-lag.js';
import { LanePauses } from '../../dispatch/lanes/lane-pauses.js';
import { LaneStateModule } from '../../dispatch/lanes/lane-state.module.js';
import { WorkerRegistry } from '../../dispatch/workers/worker-registry.js';
import type { Lane } from '../../domain/message/message.events.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { AdmissionPeers } from './admission-peers.js';
import { LaneAdmission } from './lane-admission.js';
import { AdmissionNotes } from './nats/admission-notes.js';

/** Whether a lane has room for another message. Leaves out every other limit. */
@Module({
  imports: [LaneStateModule],
  providers: [
    AdmissionNotes,
    {
      provide: AdmissionPeers,
      inject: [AdmissionNotes, SOURCES],
      useFactory: (notes: AdmissionNotes, sources: Sources) =>
        new AdmissionPeers(sources.newId(), notes, sources.nowMs),
    },
    {
      provide: LaneAdmission,
      inject: [LaneLagReader, SERVICE_CONFIG, WorkerRegistry, LanePauses, AdmissionPeers],
      useFactory: (
        lag: LaneLagReader,
        { queue: { levels } }: ServiceConfig,
        workers: WorkerRegistry,
        pauses: LanePauses,
        peers: AdmissionPeers,
      ) => {
        const running = (lane: Lane) =>
          workers.running(lane) + (pauses.isPaused(lane) ? 0 : workers.startable(lane));
        const limits = {
          realtime: levels.realtime.max_size,
          high: levels.high.max_size,
          normal: levels.normal.max_size,
          low: levels.low.max_size,
        };
        return new LaneAdmission(lag, limits, running, peers);
      },
    },
  ],
  exports: [LaneAdmission],
})
export class AdmissionModule implements OnModuleInit, OnApplicationShutdown {
  constructor(@Inject(AdmissionPeers) private readonly peers: AdmissionPeers) {}

  onModuleInit(): void {
    this.peers.start();
  }

  onApplicationShutdown(): void {
    this.peers.stop();
  }
}
