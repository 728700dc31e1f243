import { type CallerRole, covers } from '../../domain/caller-role.policy.js';

interface KeyOwner {
  readonly role: CallerRole;
  readonly tenant: string;
}

const TENANT = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Whether an admin is an operator too: where all keys are of one tenant and none has the role `operator`, since what
 * tenants share is then that tenant's own. A second tenant, or a key with the role, ends that for every admin.
 */
export function adminsOperate(keys: readonly KeyOwner[]): boolean {
  return new Set(keys.map(({ tenant }) => tenant)).size <= 1 && keys.every(({ role }) => role !== 'operator');
}

/** The role that a key has beside the others. */
export function effectiveRole({ role }: KeyOwner, adminsAreOperators: boolean): CallerRole {
  return role === 'admin' && adminsAreOperators ? 'operator' : role;
}

/** The caller within the tenant that its request names; a reason where it may not. */
export function withinTenant<T extends KeyOwner>(caller: T, tenant: string): T | { readonly reason: string } {
  if (tenant === caller.tenant) return caller;
  if (!covers(caller.role, 'operator')) {
    return { reason: 'Only a key with the role operator may name another tenant in x-llmq-tenant.' };
  }
  if (!TENANT.test(tenant)) return { reason: 'The header x-llmq-tenant names no tenant.' };
  return { ...caller, tenant };
}
