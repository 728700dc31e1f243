import { readFile } from 'node:fs/promises';
import { runProgram } from './child-program.js';

/** True when a process with this id exists, whoever's it is. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * What tells a process from every other that has, had or will have the same id: when it started, as the system counts
 * it. Null where there is no such process, or it is a zombie that waits for its parent.
 */
export async function processIdentity(pid: number): Promise<string | null> {
  if (!processExists(pid)) return null;
  if (process.platform === 'linux') return linuxIdentity(pid);
  if (process.platform === 'win32') return windowsIdentity(pid);
  return posixIdentity(pid);
}

/** Clock ticks since the boot, and which boot: neither moves when the wall clock is set. */
async function linuxIdentity(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command's name is in parentheses and may hold anything, parentheses and spaces too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const [state, threads, startedAt] = [fields[0], Number(fields[17]), fields[19]];
    // The first thread can be a zombie while others still hold files and ports.
    const gone = state === 'X' || (state === 'Z' && threads <= 1);
    return gone ? null : `${bootId}:${startedAt}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}

async function posixIdentity(pid: number): Promise<string | null> {
  try {
    const { stdout } = await runProgram('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      env: { LC_ALL: 'C', TZ: 'UTC' },
    });
    const [state, ...startedAt] = stdout.trim().split(/\s+/);
    return state === undefined || state.startsWith('Z') ? null : startedAt.join(' ');
  } catch {
    return null;
  }
}

async function windowsIdentity(pid: number): Promise<string | null> {
  try {
    const command = `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`;
    const { stdout } = await runProgram(
      'powershell.exe',
      ['-NoProfile', '-NonInteractive', '-Command', command],
      {
        windowsHide: true,
      },
    );
    return stdout.trim() || null;
  } catch {
    return null;
  }
}
