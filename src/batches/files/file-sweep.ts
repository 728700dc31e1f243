import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { LOGGER } from '../../platform/tokens.js';
import { RefusedError } from '../../submission/refusal.js';
import { Batches } from '../batches.js';
import { isExpired, type StoredFile } from './file.state.js';
import { FileObjects } from './nats/file-objects.js';
import { FileRecords } from './nats/file-records.js';

const SWEEP_EVERY_MS = 10 * 60_000;
/** No upload takes so long, and no writing of results pauses so long. */
const ON_ITS_WAY_MS = 60 * 60_000;

/** Takes expired files away, and what is left of files that never came to be. Every process does; once is enough. */
@Injectable()
export class FileSweep implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly records: FileRecords,
    private readonly objects: FileObjects,
    private readonly batches: Batches,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs' | 'random'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    const everyMs = SWEEP_EVERY_MS * (0.5 + this.sources.random());
    this.timer = setInterval(() => {
      this.sweep().catch((err: unknown) => this.logger.debug({ err }, 'files were not swept'));
    }, everyMs).unref();
  }

  onModuleDestroy(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  /** @returns how many files and contents were taken away @throws {LogUnavailableError} */
  async sweep(): Promise<number> {
    const nowMs = this.sources.nowMs();
    const files = await this.records.listAll();
    let swept = 0;
    for (const file of files) if (isExpired(file, nowMs) && (await this.remove(file))) swept += 1;
    const kept = new Set(files.map(({ id }) => id));
    swept += await this.objects.sweep((id) => kept.has(id), nowMs - ON_ITS_WAY_MS);
    if (swept > 0) this.logger.info({ swept }, 'expired files were deleted');
    return swept;
  }

  /** False for the input of a batch that is carried out: it stays until that has ended. */
  private async remove(file: StoredFile): Promise<boolean> {
    try {
      await this.batches.removeFile(file);
      return true;
    } catch (error) {
      if (error instanceof RefusedError) return false;
      throw error;
    }
  }
}
