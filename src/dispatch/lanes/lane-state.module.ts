import { Global, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { AdminModule } from '../../log/admin/admin.module.js';
import { WorkerBeats } from '../workers/nats/worker-beats.js';
import { WorkerRegistry } from '../workers/worker-registry.js';
import { LaneHeads } from './jetstream/lane-heads.js';
import { LaneLagReader } from './jetstream/lane-lag.js';
import { LanePauses } from './lane-pauses.js';

/**
 * What any role may want to know of the lanes: their lag (one reader in a process), the workers that are alive, and the
 * lanes that are paused. Global, because each of these is there once in a process. Leaves out what single workers do.
 */
@Global()
@Module({
  imports: [AdminModule],
  providers: [LanePauses, LaneLagReader, LaneHeads, WorkerBeats, WorkerRegistry],
  exports: [LanePauses, LaneLagReader, LaneHeads, WorkerBeats, WorkerRegistry],
})
export class LaneStateModule implements OnModuleInit, OnApplicationShutdown {
  private endListening: (() => void) | null = null;

  constructor(
    @Inject(WorkerBeats) private readonly beats: WorkerBeats,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
  ) {}

  onModuleInit(): void {
    this.endListening = this.beats.listen(this.workers);
  }

  onApplicationShutdown(): void {
    this.endListening?.();
  }
}
