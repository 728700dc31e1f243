import { spawn } from 'node:child_process';

/**
 * Ends at the end of its input: when it was told "done" it does nothing, else (the test's process is gone, however it
 * ended) it ends the owner first, so that it starts nothing again, and then the servers on record in the data folder.
 */
const REAP = `
read -r word
[ "$word" = done ] && exit 0
[ -n "$2" ] && kill -9 "$2"
for record in "$1/run/nats.json" "$1/run/postgres.json"; do
  pid=$(sed -n 's/.*"pid":\\([0-9]*\\).*/\\1/p' "$record")
  [ -n "$pid" ] && kill -9 "$pid"
done
[ "$3" = remove ] && rm -rf "$1"
`;

export interface Reaped {
  readonly dataDir: string;
  /** The process that owns the servers, where it is not the test itself. */
  readonly ownerPid?: number;
  readonly removeDataDir: boolean;
}

/**
 * The embedded servers are made to outlive a killed owner, and so they would outlive a test run that is killed or fails
 * before its clean-up. This leaves a small process behind that ends them then. (Windows has no shell for it: there the
 * clean-up of the tests is all.)
 *
 * @returns call it when the servers are stopped
 */
export function reapWithThisProcess({ dataDir, ownerPid, removeDataDir }: Reaped): () => void {
  if (process.platform === 'win32') return () => undefined;
  const args = ['-c', REAP, 'sh', dataDir, String(ownerPid ?? ''), removeDataDir ? 'remove' : 'keep'];
  // In a group of its own: what kills the tests' group must not kill it too.
  const reaper = spawn('/bin/sh', args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' });
  reaper.stdin.on('error', () => undefined);
  reaper.unref();
  (reaper.stdin as unknown as { unref(): void }).unref();
  return () => reaper.stdin.end('done\n');
}
