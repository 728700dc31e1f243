import { suggestion } from './did-you-mean.js';
import { ROLES, type Role } from './service-config.js';

function isRole(name: string): name is Role {
  return (ROLES as readonly string[]).includes(name);
}

/** `LLMQ_ROLES`: a list with commas; empty, absent or `all` is every role. */
export function parseRoles(text: string | undefined): { roles: ReadonlySet<Role> } | { problems: string[] } {
  const names = (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0 || names.includes('all')) return { roles: new Set(ROLES) };
  const problems = names
    .filter((name) => !isRole(name))
    .map(
      (name) =>
        `${JSON.stringify(name)} (from the environment variable LLMQ_ROLES) is not a role.${suggestion(name, ROLES)} Roles are ${ROLES.join(', ')}, and all; several with commas between.`,
    );
  return problems.length > 0 ? { problems } : { roles: new Set(names.filter(isRole)) };
}
