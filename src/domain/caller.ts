import type { CallerRole } from './caller-role.policy.js';
import type { Lane } from './message/lane.policy.js';

/** Who sends a request, as far as the service knows. */
export interface Caller {
  /** The API key's name; `local` where no keys are configured. */
  readonly name: string;
  readonly role: CallerRole;
  /** A caller sees and touches this tenant's messages only. */
  readonly tenant: string;
  /** The most urgent priority that it may ask for; absent: any. */
  readonly mostUrgent?: Lane;
}

/** Without keys, whoever reaches the loopback address is the machine's owner. */
export const LOCAL_CALLER: Caller = { name: 'local', role: 'operator', tenant: 'default' };
