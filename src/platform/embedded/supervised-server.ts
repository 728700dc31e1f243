import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { EmbeddedServerError } from './embedded-server.error.js';
import { endProcess } from './end-process.js';
import { processIdentity } from './process-identity.js';
import { consecutiveEnds, restartDelayMs } from './restart-backoff.policy.js';
import type { ServerLog } from './server-log.js';
import { behindGate, openGate, type ServerProgram } from './server-program.js';
import { readServerRecord, type ServerRecord, writeServerRecord } from './server-record.js';

/** Recovering a large store after a crash takes minutes; only a server that does nothing at all gets this far. */
const READY_LIMIT_MS = 10 * 60_000;
const PROBE_EVERY_MS = 25;
const SAY_STILL_WAITING_MS = 10_000;
const CUT_LOG_EVERY_MS = 60_000;
const LOOK_FOR_RECORD_EVERY_MS = 5_000;

export interface SupervisedServerOptions {
  readonly program: ServerProgram;
  readonly log: ServerLog;
  readonly runDir: string;
  readonly logger: Logger;
  /** Start it again when it ends by itself. */
  readonly keepAlive: boolean;
}

interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly startedAt: number;
  /** Resolves with a description of the end: never rejects. */
  readonly ended: Promise<string>;
}

/**
 * One child process that should always run.
 *
 * - stopped: no process. `start` leads to starting.
 * - starting: the process is there, and is probed until it is usable (running) or ends (stopped, and `start` rejects).
 * - running: when the process ends by itself: waiting, then starting again, for as long as it takes.
 * - `stop` leads from each of them to stopped. After it nothing is started any more.
 */
export class SupervisedServer {
  private running: Running | null = null;
  private readonly stopping = new AbortController();
  private supervision: Promise<void> = Promise.resolve();
  private logCutter: NodeJS.Timeout | undefined;
  private recordKeeper: NodeJS.Timeout | undefined;
  /** What others find the present process by. */
  private record: ServerRecord | null = null;
  /** Where the log of the present process begins. */
  private logStart = 0;
  /** Why the process is ended next, where that is not its own doing. */
  private restartReason: string | null = null;

  constructor(private readonly options: SupervisedServerOptions) {}

  /** Null while there is no process. */
  get pid(): number | null {
    return this.running?.pid ?? null;
  }

  /** @throws {EmbeddedServerError} when the server can't start, with the last lines of its log */
  async start(): Promise<void> {
    await this.firstLaunch();
    this.logCutter = setInterval(() => this.cutLog(), CUT_LOG_EVERY_MS).unref();
    this.recordKeeper = setInterval(() => void this.keepRecord(), LOOK_FOR_RECORD_EVERY_MS).unref();
    if (this.options.keepAlive) this.supervision = this.supervise();
  }

  /** Gentle first, and sure: resolves when the process is gone. */
  async stop(): Promise<void> {
    this.stopping.abort();
    clearInterval(this.logCutter);
    clearInterval(this.recordKeeper);
    await this.endChild();
    await this.supervision;
    // A start that was under way when we were told to stop may have made one more process.
    await this.endChild();
    const { runDir, program } = this.options;
    await writeServerRecord(runDir, program.name, { port: program.port, process: null });
  }

  /**
   * Ends the process gently; the supervision then starts it again at once. Resolves when it has ended. Does nothing
   * while there is none.
   */
  async restart(reason: string): Promise<void> {
    if (!this.options.keepAlive || this.running === null || this.stopping.signal.aborted) return;
    this.restartReason = reason;
    await this.endChild();
  }

  /** Whether the present process has said so in its log. */
  hasSaid(pattern: RegExp): Promise<boolean> {
    return this.options.log.says(pattern, this.logStart);
  }

  private async firstLaunch(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.launch();
      } catch (error) {
        if (attempt >= this.options.program.startTries || this.stopping.signal.aborted) throw error;
      }
      await sleep(restartDelayMs(attempt));
    }
  }

  private async supervise(): Promise<void> {
    const { program, logger } = this.options;
    let ends = 0;
    while (!this.stopping.signal.aborted) {
      const ranFrom = this.running?.startedAt ?? performance.now();
      const how = await (this.running?.ended ?? Promise.resolve('could not start'));
      if (this.stopping.signal.aborted) return;
      const wanted = this.restartReason;
      this.restartReason = null;
      ends = wanted === null ? consecutiveEnds(ends, performance.now() - ranFrom) : 0;
      const delayMs = wanted === null ? restartDelayMs(ends) : 0;
      if (wanted === null)
        logger.error(`The embedded ${program.title} ${how}. It is started again in ${delayMs} ms.`);
      else logger.warn(`The embedded ${program.title} was ended to be started again: ${wanted}.`);
      await sleep(delayMs, undefined, { signal: this.stopping.signal, ref: false }).catch(() => undefined);
      await this.relaunch();
    }
  }

  private async relaunch(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const { program, logger } = this.options;
    try {
      await this.launch();
      logger.info(`The embedded ${program.title} runs again (process ${this.pid}).`);
    } catch (error) {
      if (!this.stopping.signal.aborted) logger.error((error as Error).message);
    }
  }

  private async launch(): Promise<void> {
    const { log, runDir, program } = this.options;
    await log.cutIfLong();
    const logStart = await log.size();
    this.logStart = logStart;
    let how: string | null = null;
    try {
      await writeServerRecord(runDir, program.name, { port: program.port, process: null });
      const { child, running } = await this.spawn();
      const identity = await processIdentity(running.pid);
      const process = identity === null ? null : { pid: running.pid, identity };
      this.record = { port: program.port, process };
      await writeServerRecord(runDir, program.name, this.record);
      openGate(child);
      how = await this.untilUsable(running);
    } catch (error) {
      how = (error as Error).message;
    }
    if (how === null) return;
    await this.endChild();
    throw await this.startError(how, logStart);
  }

  private async spawn(): Promise<{ child: ChildProcess; running: Running }> {
    const { log, program } = this.options;
    const { command, args, ...launch } = behindGate(await program.launch());
    const output = await log.open();
    try {
      const child = spawn(command, args, {
        ...launch,
        stdio: ['pipe', output.fd, output.fd],
        // A process group of its own: Ctrl-C in the terminal must reach the service alone, which then stops its servers last.
        detached: true,
        windowsHide: true,
      });
      await once(child, 'spawn');
      // Before anything else is awaited, or its end could be missed.
      return { child, running: this.watch(child) };
    } finally {
      await output.close();
    }
  }

  private watch(child: ChildProcess): Running {
    const ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => {
        if (this.running?.pid === child.pid) this.running = null;
        resolve(`(process ${child.pid}) ended with ${signal ?? `exit code ${code}`}`);
      });
    });
    child.unref();
    this.running = { pid: child.pid as number, child, startedAt: performance.now(), ended };
    return this.running;
  }

  /** Null once the server is usable, else what happened instead. */
  private async untilUsable({ ended, startedAt, pid }: Running): Promise<string | null> {
    const { program, logger } = this.options;
    let end: string | null = null;
    void ended.then((how) => {
      end = how;
    });
    let sayAt = startedAt + SAY_STILL_WAITING_MS;
    while (end === null && !this.stopping.signal.aborted) {
      if (await usable(program)) return null;
      if (performance.now() > startedAt + READY_LIMIT_MS)
        return `(process ${pid}) did not become usable in time`;
      if (performance.now() > sayAt) {
        logger.info(`Still waiting for the embedded ${program.title} (process ${pid}) to be usable.`);
        sayAt += SAY_STILL_WAITING_MS;
      }
      await sleep(PROBE_EVERY_MS);
    }
    return end ?? 'was told to stop while it started';
  }

  /** Someone removed the folder of records: without them neither commands nor the next start find what runs. */
  private async keepRecord(): Promise<void> {
    const { runDir, program } = this.options;
    const { record, running } = this;
    if (record === null || running === null || running.pid !== record.process?.pid) return;
    if ((await readServerRecord(runDir, program.name)) !== null || this.stopping.signal.aborted) return;
    await writeServerRecord(runDir, program.name, record).catch(() => undefined);
  }

  private async endChild(): Promise<void> {
    const { program } = this.options;
    const { running } = this;
    if (running === null) return;
    // A process with several threads looks gone while the last of them end. Were nothing left then that keeps us alive,
    // we would end in the middle of this, with exit code 13.
    running.child.ref();
    try {
      await program.requestEnd?.().catch(() => undefined);
      await endProcess(running.pid, program.endSteps);
      await running.ended;
    } finally {
      running.child.unref();
    }
  }

  private async startError(how: string, logStart: number): Promise<EmbeddedServerError> {
    const { program, log } = this.options;
    const tail = await log.tail(logStart);
    const said = tail === '' ? 'It wrote nothing to its log' : `Its last words were: ${tail}`;
    return new EmbeddedServerError(
      program.startFailure,
      `The embedded ${program.title} could not start: it ${how}. ${said} (the whole log is ${log.path}).`,
    );
  }

  private cutLog(): void {
    this.options.log.cutIfLong().catch((error: Error) => {
      this.options.logger.warn(`The log ${this.options.log.path} could not be cut: ${error.message}`);
    });
  }
}

function usable(program: ServerProgram): Promise<boolean> {
  return program.probe().then(
    () => true,
    () => false,
  );
}
