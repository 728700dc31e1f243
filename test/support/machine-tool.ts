import { execFileSync } from 'node:child_process';

/** Where this machine keeps a tool; null where it has none. */
export function machineTool(name: string): string | null {
  try {
    return execFileSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}
