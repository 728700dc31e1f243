import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type EndStep, endProcess } from '../embedded/end-process.js';
import { threadFile } from '../thread-file.js';
import { type FromSupervised, type FromSupervisor, SUPERVISED_AS } from './supervisor-channel.js';

export interface ServiceProcessOptions {
  /** Unique among all processes of the service. */
  readonly id: string;
  /** All of it. */
  readonly env: NodeJS.ProcessEnv;
  /** A file for its standard output and error. Without it its logs go where this process's do, and its greeting nowhere. */
  readonly output?: number;
}

/**
 * A process of the service that this one started, and that ends when this one is gone.
 *
 * It is in a process group of its own: Ctrl-C in a terminal must reach this process alone, which ends its own in order.
 */
export class ServiceProcess {
  readonly id: string;
  readonly startedAt = performance.now();
  /** Resolves with a description of the end: never rejects. */
  readonly ended: Promise<string>;
  /** Resolves with its address; null where it ended before it was ready. */
  readonly ready: Promise<string | null>;
  private hasEnded = false;

  private constructor(
    id: string,
    private readonly child: ChildProcess,
  ) {
    this.id = id;
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.hasEnded = true;
        resolve(`(process ${child.pid}) ended with ${signal ?? `exit code ${code}`}`);
      });
      child.once('error', (error) => {
        if (child.pid !== undefined) return;
        this.hasEnded = true;
        resolve(`could not be started: ${error.message}`);
      });
    });
    const told = new Promise<string>((resolve) => {
      child.on('message', (message: FromSupervised) => {
        if (message.kind === 'ready') resolve(message.baseUrl);
      });
    });
    this.ready = Promise.race([told, this.ended.then(() => null)]);
  }

  static start({ id, env, output }: ServiceProcessOptions): ServiceProcess {
    const main = fileURLToPath(threadFile(import.meta.url, '../../main.js'));
    const execArgv = process.execArgv.filter((arg) => !arg.startsWith('--inspect'));
    const child = spawn(process.execPath, [...execArgv, main], {
      env: { ...env, [SUPERVISED_AS]: id },
      stdio: ['ignore', output ?? 'ignore', output ?? process.stderr.fd, 'ipc'],
      detached: true,
      windowsHide: true,
    });
    // What is sent to a process that has just ended fails; its end is told elsewhere.
    child.on('error', () => undefined);
    return new ServiceProcess(id, child);
  }

  /** Null where it could not be started. */
  get pid(): number | null {
    return this.child.pid ?? null;
  }

  /** Asks it to take no more, finish what runs, and end. After `withinMs` it is ended by the steps. */
  async drain(withinMs: number, steps: readonly EndStep[]): Promise<void> {
    const wish: FromSupervisor = { kind: 'drain' };
    if (this.child.connected) this.child.send(wish, () => undefined);
    await Promise.race([this.ended, sleep(withinMs, undefined, { ref: false })]);
    await this.end(steps);
  }

  /** Gently first; resolves when it is gone. @throws {Error} where it lives on */
  async end(steps: readonly EndStep[]): Promise<void> {
    if (this.hasEnded || this.pid === null) return;
    await endProcess(this.pid, steps);
    if (!this.hasEnded) await once(this.child, 'exit');
  }
}
