import type { EventEmitter } from 'node:events';
import type { EndpointState } from '../endpoint.state.js';
import type { CallSign } from '../health/call-sign.state.js';
import type { HealthState } from '../health/health.state.js';
import type { Deployment, DeploymentName } from './deployment.js';

/** All are told after the registry has changed, so it makes no difference which listener hears of it first. */
export interface EndpointEvents {
  /** A call has ended, and its place at the endpoint is free. */
  freed: [endpoint: EndpointState];
  /** An endpoint was added, changed, drained, undrained or removed. */
  changed: [endpoint: EndpointState];
  /** A deployment's health is another one now. */
  health: [change: HealthChange];
  /** A call from this process told something that the others should know at once. */
  sign: [told: SignTold];
  /** A place was taken for a call from this process. */
  began: [call: DeploymentName];
  /** The place was given back; `sign` is null where nobody told how the call went. */
  ended: [call: EndedCall];
}

export type RegistryEvents = EventEmitter<EndpointEvents>;

export interface EndedCall extends DeploymentName {
  readonly sign: CallSign | null;
  readonly tookMs: number;
}

export interface HealthChange extends DeploymentName {
  readonly from: HealthState;
  readonly to: HealthState;
  readonly reason: string;
}

/** A sign of a call, for the other processes. */
export interface SignTold extends DeploymentName {
  readonly sign: CallSign;
  /** How long ago the call began, in milliseconds. */
  readonly ageMs: number;
}

/** Runs what may change a deployment's health, and tells of the change. */
export function observed(events: RegistryEvents, { name, watch }: Deployment, change: () => void): void {
  const from = watch.health.state;
  change();
  const { state: to, reason } = watch.health;
  if (to !== from) events.emit('health', { ...name, from, to, reason });
}
