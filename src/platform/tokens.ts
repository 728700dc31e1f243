/** Nest's tokens for what the platform connects once for a process. */

/** The `NatsConnection` shared by the adapters. */
export const NATS = Symbol('NatsConnection');
/** The `EventLog` port. */
export const EVENT_LOG = Symbol('EventLog');
/** The service's `Logger` (pino). */
export const LOGGER = Symbol('Logger');
/** The `NatsStore` of the embedded NATS server; null for a NATS of one's own. */
export const NATS_STORE = Symbol('NatsStore');
/** The `NatsDurability`: whether what is acknowledged is known to be on disk. */
export const NATS_DURABILITY = Symbol('NatsDurability');
