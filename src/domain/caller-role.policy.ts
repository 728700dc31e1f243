/**
 * What callers may do, from the least to the most; each may do what those before it may.
 *
 * - `viewer`: read what is its tenant's
 * - `client`: also submit, change and cancel there
 * - `admin`: also what decides about its tenant: rules, users' defaults, dead letters, the log's events
 * - `operator`: also what all tenants share (lanes, endpoints), and every tenant, one at a time
 */
export const CALLER_ROLES = ['viewer', 'client', 'admin', 'operator'] as const;
export type CallerRole = (typeof CALLER_ROLES)[number];

export function covers(role: CallerRole, needed: CallerRole): boolean {
  return CALLER_ROLES.indexOf(role) >= CALLER_ROLES.indexOf(needed);
}
