import type { ChildProcess } from 'node:child_process';
import type { Launch } from './server-program.js';

/** Waits for a line, and ends where none comes any more. The process, its id and its start time stay the same over `exec`. */
const GATE = 'IFS= read -r go || exit 0; exec "$@" </dev/null';

/**
 * A server must not run before its process is on record: if we were killed between the two, the next start would not
 * know about it and run another one over the same files. So the process first waits at a gate, which opens when we say
 * so, and ends there when we are gone. Windows has no `exec`: there a moment without a record remains.
 */
export function behindGate({ command, args, ...launch }: Launch): Launch {
  if (process.platform === 'win32') return { command, args, ...launch };
  return { ...launch, command: '/bin/sh', args: ['-c', GATE, 'sh', command, ...args] };
}

export function openGate(child: ChildProcess): void {
  // The process may have ended already; its end is noticed elsewhere.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end('\n');
}
