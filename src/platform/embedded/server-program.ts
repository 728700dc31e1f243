import type { ChildProcess } from 'node:child_process';
import type { EmbeddedServerErrorCode } from './embedded-server.error.js';
import type { EndStep } from './end-process.js';
import type { ServerName } from './server-record.js';

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** All of it: without, the program would get the service's own, with the keys of the endpoints. */
  readonly env: NodeJS.ProcessEnv;
  /** Another user to run as; only root may ask for one. */
  readonly uid?: number;
  readonly gid?: number;
}

/** A server as its supervisor sees it: how it is started, when it is usable, how it is ended. */
export interface ServerProgram {
  readonly name: ServerName;
  /** For people: "NATS", "PostgreSQL". */
  readonly title: string;
  readonly port: number;
  readonly startFailure: EmbeddedServerErrorCode;
  /** How often the first start is tried before it counts as failed. */
  readonly startTries: number;
  /** Prepares its files and says what to run. Called before every start. */
  launch(): Promise<Launch>;
  /** Resolves when the server does its work for a client; rejects while it does not yet. */
  probe(): Promise<void>;
  readonly endSteps: readonly EndStep[];
  /** Asks it to end where a signal would not do it gently. */
  requestEnd?(): Promise<void>;
}

/** Waits for a line, and ends where none comes any more. The process, its id and its start time stay the same over `exec`. */
const GATE = 'IFS= read -r go || exit 0; exec "$@" </dev/null';

/**
 * A server must not run before its process is on record: if we were killed between the two, the next start would not
 * know about it and run another one over the same files. So the process first waits at a gate, which opens when we say
 * so, and ends there when we are gone. Windows has no `exec`: there a moment without a record remains.
 */
export function behindGate({ command, args, ...launch }: Launch): Launch {
  if (process.platform === 'win32') return { command, args, ...launch };
  return { ...launch, command: '/bin/sh', args: ['-c', GATE, 'sh', command, ...args] };
}

export function openGate(child: ChildProcess): void {
  // The process may have ended already; its end is noticed elsewhere.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end('\n');
}
