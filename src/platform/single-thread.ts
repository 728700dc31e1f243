import { type ResourceLimits, type TransferListItem, Worker } from 'node:worker_threads';
import { threadFile } from './thread-file.js';

const THREAD = threadFile(import.meta.url, './single-thread.thread.js');

export interface ThreadOptions {
  /** The module whose default export carries tasks out. */
  readonly file: URL;
  readonly resourceLimits: ResourceLimits;
  /** What the thread finds as `workerData`. */
  readonly workerData?: unknown;
}

export interface ToSingleThread<Task> {
  readonly id: number;
  readonly task: Task;
}

/** What became of a task. */
export type FromSingleThread<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: Error };

interface UnderWay<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One thread that stays, with what it has loaded or connected to, and carries out one task after the other. Node's own
 * worker, and no pool: a pool's bookkeeping took three times as long as the way to the thread and back, and each
 * message that is submitted waits for it.
 *
 * A thread that fails outside of a task (it can't be loaded, or throws out of a timer) ends. All tasks under way fail with
 * it, and those that had not begun never do. The next task starts a new thread.
 */
export class SingleThread<Task, Result> {
  private worker: Worker | null = null;
  private readonly underWay = new Map<number, UnderWay<Result>>();
  private lastId = 0;
  private closed = false;

  constructor(private readonly options: ThreadOptions) {}

  /**
   * @param transferList what goes over to the thread, and is empty here afterwards
   * @throws what the task threw, in a copy that has lost all but name, message and stack; or why the thread ended
   */
  run(task: Task, transferList: readonly TransferListItem[] = []): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.closed) throw new Error('The thread is closed.');
      this.worker ??= this.start();
      const id = ++this.lastId;
      this.worker.postMessage({ id, task } satisfies ToSingleThread<Task>, transferList);
      if (this.underWay.size === 0) this.worker.ref();
      this.underWay.set(id, { resolve, reject });
    });
  }

  /** Ends the thread, whatever it is doing; tasks under way fail. */
  async close(): Promise<void> {
    this.closed = true;
    await this.worker?.terminate();
  }

  private start(): Worker {
    const { file, resourceLimits, workerData } = this.options;
    const worker = new Worker(THREAD, { argv: [file.href], resourceLimits, workerData });
    // A thread with nothing to do keeps no process alive.
    worker.unref();
    let reason = new Error('The thread has ended.');
    worker.on('message', (answer: FromSingleThread<Result>) => this.settle(answer));
    worker.on('error', (error) => {
      reason = error;
      this.ended(worker, reason);
    });
    worker.on('exit', () => this.ended(worker, reason));
    return worker;
  }

  private settle(answer: FromSingleThread<Result>): void {
    const waiting = this.underWay.get(answer.id);
    this.underWay.delete(answer.id);
    if (this.underWay.size === 0) this.worker?.unref();
    if ('error' in answer) waiting?.reject(answer.error);
    else waiting?.resolve(answer.result);
  }

  private ended(worker: Worker, reason: Error): void {
    if (this.worker !== worker) return;
    this.worker = null;
    for (const { reject } of this.underWay.values()) reject(reason);
    this.underWay.clear();
  }
}
