import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second for whoever reads `/proc` (USER_HZ), whatever its own clock does. */
const TICK_MS = 10;

interface Times {
  readonly parent: number;
  /** Of the process itself. */
  readonly ownMs: number;
  /** Of its children that have ended and were waited for, and theirs. */
  readonly endedChildrenMs: number;
}

/** CPU time of one process since its start, user and system together, with all its threads. */
export function processCpuMs(pid: number): number {
  return timesOf(pid)?.ownMs ?? 0;
}

/**
 * CPU time of a process with all that it started, as a PostgreSQL server with its backends. One that ends is counted
 * with its parent from then on.
 */
export function familyCpuMs(pid: number): number {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const children = all.map((name) => ({ pid: Number(name), times: timesOf(Number(name)) }));
  const own = timesOf(pid);
  const own2 = own === null ? 0 : own.ownMs + own.endedChildrenMs;
  return children
    .filter(({ times }) => times?.parent === pid)
    .reduce((sum, { times }) => sum + times!.ownMs + times!.endedChildrenMs, own2);
}

/** Fields by their numbers in proc_pid_stat(5); the command, field 2, may hold spaces and brackets. */
function timesOf(pid: number): Times | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const field = (number: number) => Number(fields[number - 3]);
    return {
      parent: field(4),
      ownMs: (field(14) + field(15)) * TICK_MS,
      endedChildrenMs: (field(16) + field(17)) * TICK_MS,
    };
  } catch {
    return null; // It ended since the folder was read.
  }
}
