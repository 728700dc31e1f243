import type { EmbeddedServerErrorCode } from './embedded-server.error.js';
import type { EndStep } from './end-process.js';
import type { ServerName } from './server-record.js';

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
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
