/** Node opens some 600 files at once while it loads the modules of the service. */
export const FEWEST_OPEN_FILES = 768;
/** What systems give a process by default, and what the service, its NATS and its PostgreSQL can do their work with. */
export const ENOUGH_OPEN_FILES = 1_024;

const HOW =
  'Raise it: `ulimit -n 4096` in the shell, LimitNOFILE of systemd, or `docker run --ulimit nofile=4096`.';

/** Why the service can't start with so many open files; null where it can. */
export function objectionToOpenFiles(limit: number): string | null {
  if (limit >= FEWEST_OPEN_FILES) return null;
  return `a process of this user may have ${limit} files open at once, and the service needs ${FEWEST_OPEN_FILES} to start and ${ENOUGH_OPEN_FILES} to work well. ${HOW}`;
}

/** What an operator should know of a limit that is low; null where it is not. */
export function warningOfOpenFiles(limit: number): string | null {
  if (limit >= ENOUGH_OPEN_FILES) return null;
  return `a process of this user may have ${limit} files open at once. Each connection of a client, and each call to an endpoint, is one of them; the embedded servers have the same limit. ${HOW}`;
}
