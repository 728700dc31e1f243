export interface HealthState {
  readonly ok: boolean;
  /** For people: what is wrong, or worth knowing, such as how durable a write is. */
  readonly detail?: string;
}

/** One part of the service without which it is not usable. */
export interface HealthCheck {
  readonly name: string;
  /** Asks the part itself, with a round trip where there is one. Throwing means not ok. */
  check(): Promise<HealthState>;
}

/** Nest's token for `readonly HealthCheck[]`. */
export const HEALTH_CHECKS = Symbol('HealthChecks');
