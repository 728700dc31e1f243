import type { Role } from '../../platform/config/service-config.js';

/** How many processes of each role a cluster on one machine has. The role `api` brings `intake` with it. */
const PROCESSES: Readonly<Record<Role, number>> = {
  api: 2,
  worker: 3,
  projector: 2,
  scheduler: 2,
  intake: 0,
};

export interface ClusterMember {
  /** `api-1` */
  readonly name: string;
  readonly role: Role;
  /** 0 takes a free one. */
  readonly port: number;
  /** Null for loopback: only what clients call listens where the configuration says. */
  readonly host: string | null;
}

/** @param port of the first process with the role `api`; the next have the ones behind it */
export function clusterMembers(port: number, host: string): ClusterMember[] {
  return (Object.entries(PROCESSES) as [Role, number][]).flatMap(([role, count]) =>
    Array.from({ length: count }, (_, at) => ({
      name: `${role}-${at + 1}`,
      role,
      port: role === 'api' && port !== 0 ? port + at : 0,
      host: role === 'api' ? host : null,
    })),
  );
}
