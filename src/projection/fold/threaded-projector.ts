import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { assertNever } from '../../domain/assert-never.js';
import { backoffDelayMs } from '../../domain/message/backoff.policy.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { THREAD_LIMITS } from '../../platform/heap.js';
import { writeLine } from '../../platform/logging/logger.js';
import { areSpansMade } from '../../platform/telemetry/spans.js';
import { threadEnvironment } from '../../platform/thread-environment.js';
import { threadFile } from '../../platform/thread-file.js';
import type { Changes } from '../tables/changes.js';
import type { ReadDemand } from './batching-delay.js';
import type { ProjectedTraces } from './projected-traces.policy.js';
import { makeProjectionSpans } from './projection-spans.js';
import {
  IDLE_PROJECTOR,
  type ProcessProjector,
  type ProjectionStop,
  type ProjectorHealth,
} from './projector.port.js';

const THREAD = threadFile(import.meta.url, './projector.thread.js');
const BACKOFF = { baseDelayMs: 200, maxDelayMs: 10_000 };
/** A thread that lived this long did not fail at its start. */
const LIVED_MS = 60_000;
/** Longer than a batch takes. A thread that is still waiting for a server then has nothing to finish. */
const STOP_MS = 8_000;

/** What the thread is started with. */
export interface ThreadStart {
  /** The process's, with the addresses of embedded servers in it. */
  readonly config: ServiceConfig;
  /** Of the process's logger. */
  readonly logLevel: string;
  /** Whether the process keeps traces. The thread makes no spans itself: it needs no exporter then. */
  readonly traces: boolean;
}

export type ToThread =
  | { readonly kind: 'stop' }
  | { readonly kind: 'watch' }
  /** A reader waits until the tables have reached this sequence. */
  | { readonly kind: 'wanted'; readonly sequence: number };

export type FromThread =
  | { readonly kind: 'health'; readonly health: ProjectorHealth }
  | { readonly kind: 'applied'; readonly sequence: number; readonly run: string }
  | { readonly kind: 'changed'; readonly changes: Changes }
  | { readonly kind: 'stopped'; readonly stop: ProjectionStop }
  | { readonly kind: 'traced'; readonly traced: ProjectedTraces }
  /** In JSON, for the process's logger. */
  | { readonly kind: 'logged'; readonly line: string };

export interface ThreadedProjectorParts {
  readonly config: ServiceConfig;
  readonly logger: Logger;
  readonly demand: ReadDemand;
  readonly announce: (applied: number, run: string) => void;
  readonly onChanged: (changes: Changes) => void;
  readonly onStopped: (stop: ProjectionStop) => void;
}

/**
 * The projector in a thread of its own, as this thread sees it.
 *
 * States: not started -> running (a thread is there, or is being started) -> stopped. A thread that ends by itself, in
 * whatever way, is followed by another after a backoff; what it had not committed is read again from the checkpoint.
 */
export class ThreadedProjector implements ProcessProjector {
  private readonly stopping = new AbortController();
  private thread: Worker | null = null;
  private work: Promise<void> | null = null;
  private state: ProjectorHealth = IDLE_PROJECTOR;

  constructor(private readonly parts: ThreadedProjectorParts) {
    parts.demand.onWaiting((sequence) => this.send({ kind: 'wanted', sequence }));
  }

  get health(): ProjectorHealth {
    return this.state;
  }

  start(): void {
    if (this.work !== null) return;
    this.state = { ...this.state, running: true };
    this.work = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.send({ kind: 'stop' });
    const overdue = setTimeout(() => void this.thread?.terminate(), STOP_MS);
    await this.work;
    clearTimeout(overdue);
  }

  watch(): void {
    this.send({ kind: 'watch' });
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    for (let failures = 0; !signal.aborted; ) {
      const startedAt = performance.now();
      const error = await this.untilThreadEnds();
      if (signal.aborted) break;
      failures = performance.now() - startedAt > LIVED_MS ? 1 : failures + 1;
      this.parts.logger.error({ err: error }, "The projector's thread has ended; starting another");
      this.state = { ...this.state, active: false, lag: null, error: error.message };
      await sleep(backoffDelayMs(failures, BACKOFF, Math.random()), undefined, { signal }).catch(() => {});
    }
    this.state = { ...this.state, running: false, active: false };
  }

  /** Why it ended; never rejects. */
  private async untilThreadEnds(): Promise<Error> {
    const { config, logger } = this.parts;
    const workerData: ThreadStart = { config, logLevel: logger.level, traces: areSpansMade() };
    const thread = new Worker(THREAD, {
      workerData,
      resourceLimits: THREAD_LIMITS,
      env: threadEnvironment(),
    });
    this.thread = thread;
    let failure = new Error('it ended without an error');
    thread.on('error', (error) => {
      failure = error;
    });
    thread.on('message', (message: FromThread) => this.heard(message));
    await once(thread, 'exit').catch(() => {});
    this.thread = null;
    return failure;
  }

  private heard(message: FromThread): void {
    switch (message.kind) {
      case 'health':
        this.state = message.health;
        break;
      case 'applied':
        this.parts.announce(message.sequence, message.run);
        break;
      case 'changed':
        this.parts.onChanged(message.changes);
        break;
      case 'stopped':
        this.parts.onStopped(message.stop);
        break;
      case 'traced':
        makeProjectionSpans(message.traced);
        break;
      case 'logged':
        writeLine(this.parts.logger, message.line);
        break;
      default:
        assertNever(message);
    }
  }

  private send(message: ToThread): void {
    this.thread?.postMessage(message);
  }
}
