import type { ServiceConfig } from '../../../platform/config/service-config.js';
import type { ProjectionStop, ProjectorHealth } from '../projector.port.js';

/** What the thread is started with. */
export interface ThreadStart {
  /** The process's, with the addresses of embedded servers in it. */
  readonly config: ServiceConfig;
  /** Of the process's logger. */
  readonly logLevel: string;
}

export type ToThread =
  | { readonly kind: 'stop' }
  /** A reader waits until the tables have reached this sequence. */
  | { readonly kind: 'wanted'; readonly sequence: number };

export type FromThread =
  | { readonly kind: 'health'; readonly health: ProjectorHealth }
  | { readonly kind: 'applied'; readonly sequence: number; readonly run: string }
  | { readonly kind: 'stopped'; readonly stop: ProjectionStop };
