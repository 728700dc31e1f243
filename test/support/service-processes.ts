import { readFile } from 'node:fs/promises';
import { processFamily } from './embedded-processes.js';

/** The processes of the service below this one, by the names that their supervisor gave them. Linux only. */
export async function supervisedBelow(pid: number): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const each of await processFamily(pid)) {
    const environment = await readFile(`/proc/${each}/environ`, 'utf8').catch(() => '');
    const name = /(?:^|\0)LLMQ_SUPERVISED=([^\0]+)/.exec(environment)?.[1];
    if (name !== undefined) found.set(name, each);
  }
  return found;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
