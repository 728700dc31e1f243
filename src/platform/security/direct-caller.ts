import type { Caller } from '../../domain/caller.js';
import type { Lane } from '../../domain/message/lane.policy.js';

interface Publisher {
  readonly name: string;
  readonly tenant: string;
  readonly max_priority?: Lane | undefined;
}

/** Who has the service's own login at NATS: nobody could keep it from anything. */
const OWN_LOGIN: Caller = { name: 'nats', role: 'client', tenant: 'default' };

/** Who speaks by a publisher's credentials, or by the service's own login (null); null for an unknown publisher. */
export function directCaller(publishers: readonly Publisher[], name: string | null): Caller | null {
  if (name === null) return OWN_LOGIN;
  const publisher = publishers.find((each) => each.name === name);
  if (publisher === undefined) return null;
  const { tenant, max_priority: mostUrgent } = publisher;
  return { name, role: 'client', tenant, ...(mostUrgent === undefined ? {} : { mostUrgent }) };
}
