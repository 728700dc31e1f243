import { setTimeout as sleep } from 'node:timers/promises';
import { processIdentity } from './process-identity.js';

/** A signal, and how long the process may take to obey before the next one is sent. */
export interface EndStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/**
 * Ends a process that need not be our child, gently first. Resolves when it is gone.
 * @throws {Error} when it lives on after the last step, or belongs to another user
 */
export async function endProcess(pid: number, steps: readonly EndStep[]): Promise<void> {
  const identity = await processIdentity(pid);
  if (identity === null) return;
  for (const { signal, waitMs } of steps) {
    // Asked again before each signal: the id may have gone to another process meanwhile.
    if ((await processIdentity(pid)) !== identity) return;
    sendSignal(pid, signal);
    if (await isGoneWithin(pid, identity, waitMs)) return;
  }
  throw new Error(`Process ${pid} does not end.`);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function isGoneWithin(pid: number, identity: string, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  do {
    if ((await processIdentity(pid)) !== identity) return true;
    await sleep(20);
  } while (performance.now() < deadline);
  return false;
}
