import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';

export interface SweeperParts {
  /** True in the one process that is to sweep. */
  readonly leads: () => boolean;
  readonly sweeps: readonly { sweep(): Promise<void> }[];
  readonly intervalMs: number;
  readonly logger: Logger;
}

/** Goes through what time and erasure ask for, over and over, in the process that leads. Two at once would do no harm. */
export class Sweeper {
  private readonly stopping = new AbortController();
  private work: Promise<void> | null = null;

  constructor(private readonly parts: SweeperParts) {}

  start(): void {
    this.work ??= this.run();
  }

  /** Resolves when the sweep under way is over. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.work;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await sleep(this.parts.intervalMs, undefined, { signal }).catch(() => {});
      for (const one of this.parts.sweeps) {
        if (signal.aborted || !this.parts.leads()) break;
        await one.sweep().catch((err: unknown) => {
          this.parts.logger.warn({ err }, 'Conversations could not be tidied up; trying again');
        });
      }
    }
  }
}
