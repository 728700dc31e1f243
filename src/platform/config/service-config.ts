import type { Config, DeepReadonly } from './config.schema.js';

/** What one process may do. All of them in one process is the default; NATS and PostgreSQL are all they share. */
export const ROLES = ['api', 'intake', 'worker', 'projector', 'scheduler'] as const;
export type Role = (typeof ROLES)[number];

/** The one configuration object of a process: validated, checked across fields, frozen. */
export interface ServiceConfig extends DeepReadonly<Config> {
  readonly roles: ReadonlySet<Role>;
  /** Absolute. Holds the embedded servers' data and logs. */
  readonly dataDir: string;
  /** Absolute: the file that was read, or where one would be read from. Messages name it. */
  readonly configFile: string;
  /** The name that a supervisor gave this process, which ends with it; none where a person or a service manager started it. */
  readonly supervisedAs?: string;
}

/** Nest's token for `ServiceConfig`. */
export const SERVICE_CONFIG = Symbol('ServiceConfig');
