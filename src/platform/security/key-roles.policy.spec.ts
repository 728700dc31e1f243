import { CALLER_ROLES, type CallerRole, covers } from '../../domain/caller-role.policy.js';
import { adminsOperate, effectiveRole, withinTenant } from './key-roles.policy.js';

const key = (role: CallerRole, tenant: string) => ({ role, tenant });
const caller = (role: CallerRole) => ({ name: 'ann', role, tenant: 'red' });

describe('covers', () => {
  it('lets each role do what those below it may, and no more', () => {
    for (const [at, role] of CALLER_ROLES.entries()) {
      expect(CALLER_ROLES.filter((needed) => covers(role, needed))).toEqual(CALLER_ROLES.slice(0, at + 1));
    }
  });
});

describe('adminsOperate', () => {
  it('is so where nobody else is there to be disturbed', () => {
    expect(adminsOperate([key('admin', 'default')])).toBe(true);
    expect(adminsOperate([key('admin', 'shop'), key('client', 'shop')])).toBe(true);
  });

  it('ends with a second tenant, and with a key that is meant for it', () => {
    expect(adminsOperate([key('admin', 'red'), key('client', 'blue')])).toBe(false);
    expect(adminsOperate([key('admin', 'red'), key('operator', 'red')])).toBe(false);
  });

  it('raises admins and nobody else', () => {
    const raised = CALLER_ROLES.map((role) => effectiveRole(key(role, 'red'), true));
    expect(raised).toEqual(['viewer', 'client', 'operator', 'operator']);
    expect(CALLER_ROLES.map((role) => effectiveRole(key(role, 'red'), false))).toEqual(CALLER_ROLES);
  });
});

describe('withinTenant', () => {
  it('lets an operator into any tenant, and keeps its name', () => {
    expect(withinTenant(caller('operator'), 'blue')).toEqual({ ...caller('operator'), tenant: 'blue' });
  });

  it.each(['viewer', 'client', 'admin'] as const)('keeps a key with the role %s in its own', (role) => {
    expect(withinTenant(caller(role), 'red')).toEqual(caller(role));
    expect(withinTenant(caller(role), 'blue')).toMatchObject({ reason: expect.stringContaining('operator') });
  });

  it.each(['', 'a b', 'red, blue', 'x'.repeat(65), '*'])('takes %p for no tenant', (tenant) => {
    expect(withinTenant(caller('operator'), tenant)).toMatchObject({ reason: expect.any(String) });
  });
});
