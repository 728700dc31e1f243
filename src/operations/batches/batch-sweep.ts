import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { settingDurationMs } from '../../domain/duration.policy.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LOGGER } from '../../platform/tokens.js';
import { type Batch, endedAtMs, hasEnded, isToTell } from './batch.state.js';
import { isExpired } from './files/file.state.js';
import { Files } from './files/files.js';
import { FileObjects } from './files/nats/file-objects.js';
import { FileRecords } from './files/nats/file-records.js';
import { BatchLeases } from './nats/batch-leases.js';
import { BatchRecords } from './nats/batch-records.js';

const SWEEP_EVERY_MS = 10 * 60_000;
/** No upload takes so long, and no writing of results pauses so long. */
const ON_ITS_WAY_MS = 60 * 60_000;

/**
 * Takes expired files away, what is left of files that never came to be, and batches that ended long ago; and offers
 * webhooks again that nobody would send, since a process was killed between their record and their lease. Every process
 * does; once is enough.
 */
@Injectable()
export class BatchSweep implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | null = null;
  private readonly batchesKeptMs: number | null;

  constructor(
    private readonly records: FileRecords,
    private readonly objects: FileObjects,
    private readonly files: Files,
    private readonly batchRecords: BatchRecords,
    private readonly leases: BatchLeases,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'random'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SERVICE_CONFIG) { batches: settings }: Pick<ServiceConfig, 'batches'>,
  ) {
    this.batchesKeptMs = settings.keep_batches === null ? null : settingDurationMs(settings.keep_batches);
  }

  onApplicationBootstrap(): void {
    const everyMs = SWEEP_EVERY_MS * (0.5 + this.sources.random());
    this.timer = setInterval(() => {
      this.sweep().catch((err: unknown) => this.logger.debug({ err }, 'files were not swept'));
    }, everyMs).unref();
  }

  onModuleDestroy(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  /** @returns how many files, contents and batches were taken away @throws {LogUnavailableError} */
  async sweep(): Promise<number> {
    const nowMs = this.sources.nowMs();
    const batches = await this.batchRecords.listAll();
    // The input of a batch stays until that has ended. No further batch can be made of a file that has expired.
    const inUse = new Set(batches.flatMap((batch) => (hasEnded(batch) ? [] : [batch.inputFileId])));
    const files = await this.records.listAll();
    let swept = 0;
    for (const file of files) {
      if (!isExpired(file, nowMs) || inUse.has(file.id)) continue;
      await this.files.remove(file);
      swept += 1;
    }
    const kept = new Set(files.map(({ id }) => id));
    swept += await this.objects.sweep((id) => kept.has(id), nowMs - ON_ITS_WAY_MS);
    for (const batch of batches) {
      if (this.isOld(batch, nowMs)) {
        await this.batchRecords.remove(batch);
        swept += 1;
      } else if (isToTell(batch)) await this.leases.offer(batch, { telling: true });
    }
    if (swept > 0) this.logger.info({ swept }, 'expired files and old batches were deleted');
    return swept;
  }

  private isOld(batch: Batch, nowMs: number): boolean {
    const atMs = endedAtMs(batch);
    return this.batchesKeptMs !== null && atMs !== null && nowMs - atMs >= this.batchesKeptMs;
  }
}
