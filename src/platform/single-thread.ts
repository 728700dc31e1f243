import type { ResourceLimits, TransferListItem } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { threadEnvironment } from './thread-environment.js';

export interface ThreadOptions {
  /** The module whose default export carries tasks out. */
  readonly file: URL;
  readonly resourceLimits: ResourceLimits;
  /** What the thread finds as `workerData`. */
  readonly workerData?: unknown;
}

/**
 * One thread that stays, with what it has loaded or connected to, and carries out one task after the other.
 *
 * A thread that fails while it carries nothing out (it can't be loaded, or throws out of a timer) is told by the pool
 * apart from the tasks: without a listener that would end the process, and with one alone the tasks that wait for it
 * would wait for ever. So all that are under way fail with it, and those that had not begun never do. The next task
 * starts a new thread.
 */
export class SingleThread<Task, Result> {
  private readonly pool: Piscina<Task, Result>;
  private readonly underWay = new Set<(error: Error) => void>();

  constructor({ file, resourceLimits, workerData }: ThreadOptions) {
    this.pool = new Piscina<Task, Result>({
      filename: file.href,
      minThreads: 1,
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      resourceLimits,
      workerData,
      env: threadEnvironment(),
    });
    this.pool.on('error', (error: Error) => {
      for (const fail of this.underWay) fail(error);
    });
  }

  /**
   * @param transferList what goes over to the thread, and is empty here afterwards
   * @throws what the task threw, in a copy that has lost all but name, message and stack; or why the thread ended
   */
  async run(task: Task, transferList: readonly TransferListItem[] = []): Promise<Result> {
    const waiting = new AbortController();
    let fail: ((error: Error) => void) | undefined;
    const failed = new Promise<never>((_, reject) => {
      fail = (error) => {
        reject(error);
        // Out of the pool's queue: what is told to have failed must not be carried out by the next thread.
        waiting.abort();
      };
      this.underWay.add(fail);
    });
    try {
      const { signal } = waiting;
      return await Promise.race([this.pool.run(task, { transferList: [...transferList], signal }), failed]);
    } finally {
      this.underWay.delete(fail!);
    }
  }

  /** Ends the thread, whatever it is doing; tasks under way fail. */
  async close(): Promise<void> {
    await this.pool.destroy();
  }
}
