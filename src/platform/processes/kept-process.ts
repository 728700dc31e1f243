import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { EndStep } from '../embedded/end-process.js';
import { consecutiveEnds, restartDelayMs } from '../embedded/restart-backoff.policy.js';
import type { ServiceProcess } from './service-process.js';

export interface KeptProcessOptions {
  /** For people: `worker-1`. */
  readonly name: string;
  readonly logger: Logger;
  /** From SIGTERM on; the last step must be sure. */
  readonly endSteps: readonly EndStep[];
  launch(): Promise<ServiceProcess>;
}

/**
 * One process of the service that should always run: where it ends by itself it is started again, after a longer wait
 * each time. `stop` and `drain` lead out of that for good, and resolve when the process is gone.
 */
export class KeptProcess {
  private running: ServiceProcess | null = null;
  private waiting = false;
  private readonly leaving = new AbortController();
  private readonly life: Promise<void>;
  private firstReady: (baseUrl: string | null) => void = () => undefined;
  /** The address of the first process; null where it ended before it was ready. */
  readonly ready = new Promise<string | null>((resolve) => {
    this.firstReady = resolve;
  });

  constructor(private readonly options: KeptProcessOptions) {
    this.life = this.keep();
  }

  /** It ended, and is started again in a while. */
  get isWaiting(): boolean {
    return this.waiting;
  }

  get isLeaving(): boolean {
    return this.leaving.signal.aborted;
  }

  async stop(): Promise<void> {
    this.leaving.abort();
    await this.running?.end(this.options.endSteps);
    await this.life;
  }

  /** Lets it finish what runs, for as long as `withinMs`. */
  async drain(withinMs: number): Promise<void> {
    this.leaving.abort();
    await this.running?.drain(withinMs, this.options.endSteps);
    await this.life;
  }

  /** Ends the process, which is started again as any that ends. */
  async replace(reason: string): Promise<void> {
    this.options.logger.warn(`${this.options.name} is replaced: ${reason}`);
    await this.running?.end(this.options.endSteps);
  }

  private async keep(): Promise<void> {
    const { logger, name } = this.options;
    const { signal } = this.leaving;
    for (let ends = 0; !signal.aborted; ) {
      const startedAt = performance.now();
      const how = await this.run();
      if (signal.aborted) return;
      ends = consecutiveEnds(ends, performance.now() - startedAt);
      const delayMs = restartDelayMs(ends);
      logger.error(`${name} ${how}. It is started again in ${delayMs} ms.`);
      this.waiting = true;
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
      this.waiting = false;
    }
  }

  /** @returns how it ended */
  private async run(): Promise<string> {
    try {
      const process = await this.options.launch();
      this.running = process;
      void process.ready.then((baseUrl) => this.firstReady(baseUrl));
      // Told to leave while it was launched.
      if (this.isLeaving) await process.end(this.options.endSteps);
      return await process.ended;
    } catch (error) {
      this.firstReady(null);
      return `could not be started: ${(error as Error).message}`;
    } finally {
      this.running = null;
    }
  }
}
