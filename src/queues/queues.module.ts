import { Global, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { AdminModule } from '../admin/admin.module.js';
import { AdminFollower } from '../admin/admin-follower.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../config/service-config.js';
import { LaneLagReader } from '../lanes/jetstream/lane-lag.js';
import { laneLagProvider } from '../lanes/jetstream/lane-providers.js';
import { LanePauses } from '../lanes/lane-pauses.js';
import type { Lane } from '../message/message.events.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { ProjectionReaderModule } from '../projection/projection.module.js';
import { QUEUE_FIGURES, type QueueFigures } from '../projection/queue-figures.port.js';
import { AdmissionPeers } from './admission-peers.js';
import { LaneAdmission } from './lane-admission.js';
import { AdmissionNotes } from './nats/admission-notes.js';
import { admissionNotesProvider, workerBeatsProvider } from './nats/note-providers.js';
import { WorkerBeats } from './nats/worker-beats.js';
import { QueueStats } from './queue-stats.js';
import { QueueStatus } from './queue-status.js';
import { WorkersSeen } from './workers-seen.js';

/**
 * What any role may want to know of the queue as a whole: the lanes' lag (one reader in a process), the workers that
 * are alive, the lanes that are paused, and whether a lane has room. Global, because each of these is there once in a process.
 * Leaves out what single workers do, and the routes.
 */
@Global()
@Module({
  imports: [AdminModule, ProjectionReaderModule],
  providers: [
    {
      provide: LanePauses,
      inject: [AdminFollower],
      useFactory: (follower: AdminFollower) => new LanePauses(follower),
    },
    laneLagProvider,
    workerBeatsProvider,
    admissionNotesProvider,
    {
      provide: WorkersSeen,
      inject: [SOURCES],
      useFactory: (sources: Sources) => new WorkersSeen(sources.nowMs),
    },
    {
      provide: AdmissionPeers,
      inject: [AdmissionNotes, SOURCES],
      useFactory: (notes: AdmissionNotes, sources: Sources) =>
        new AdmissionPeers(sources.newId(), notes, sources.nowMs),
    },
    {
      provide: LaneAdmission,
      inject: [LaneLagReader, SERVICE_CONFIG, WorkersSeen, LanePauses, AdmissionPeers],
      useFactory: (
        lag: LaneLagReader,
        { queue: { levels } }: ServiceConfig,
        workers: WorkersSeen,
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
    {
      provide: QueueStatus,
      inject: [LaneLagReader, WorkersSeen, LanePauses, QUEUE_FIGURES, SOURCES],
      useFactory: (
        lag: LaneLagReader,
        workers: WorkersSeen,
        pauses: LanePauses,
        figures: QueueFigures,
        sources: Sources,
      ) => new QueueStatus(lag, workers, pauses, figures, sources.nowMs),
    },
    {
      provide: QueueStats,
      inject: [QUEUE_FIGURES, SOURCES],
      useFactory: (figures: QueueFigures, sources: Sources) => new QueueStats(figures, sources.nowMs),
    },
  ],
  exports: [QueueStatus, QueueStats, LanePauses, LaneLagReader, WorkerBeats, WorkersSeen, LaneAdmission],
})
export class QueuesModule implements OnModuleInit, OnApplicationShutdown {
  private endListening: (() => void) | null = null;

  constructor(
    @Inject(WorkerBeats) private readonly beats: WorkerBeats,
    @Inject(WorkersSeen) private readonly workers: WorkersSeen,
    @Inject(AdmissionPeers) private readonly peers: AdmissionPeers,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  onModuleInit(): void {
    this.endListening = this.beats.listen(this.workers);
    // Others put nothing into a lane that they could be told to leave out.
    if (this.config.roles.has('api')) this.peers.start();
  }

  onApplicationShutdown(): void {
    this.peers.stop();
    this.endListening?.();
  }
}
