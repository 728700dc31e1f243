import { readdir, readFile } from 'node:fs/promises';
import { dataFolderAt } from '../../src/platform/embedded/data-folder.js';
import { endProcess } from '../../src/platform/embedded/end-process.js';
import { recordedPid, type ServerName } from '../../src/platform/embedded/server-record.js';

const SERVERS: readonly ServerName[] = ['nats', 'postgres'];

/** The process of a data folder's embedded server (PostgreSQL's is the postmaster); null while it does not run. */
export function embeddedServerPid(dataDir: string, server: ServerName): Promise<number | null> {
  return recordedPid(dataFolderAt(dataDir).run, server);
}

/** The names of the data folder's embedded servers that run. */
export async function runningServers(dataDir: string): Promise<ServerName[]> {
  const names: ServerName[] = [];
  for (const server of SERVERS) if ((await embeddedServerPid(dataDir, server)) !== null) names.push(server);
  return names;
}

/** Ends what a killed service left running over the data folder. Its owner must be gone, or it starts them again. */
export async function endEmbeddedServers(dataDir: string): Promise<void> {
  for (const server of SERVERS) {
    const pid = await embeddedServerPid(dataDir, server);
    if (pid !== null) await endProcess(pid, [{ signal: 'SIGKILL', waitMs: 30_000 }]);
  }
}

/** A process and all that came from it, on Linux. */
export async function processFamily(pid: number): Promise<number[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map<number, number>();
  for (const each of all) {
    const stat = await readFile(`/proc/${each}/stat`, 'utf8').catch(() => '');
    parents.set(each, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const family = [pid];
  // Children are pushed behind what is still to be visited.
  for (const member of family) for (const each of all) if (parents.get(each) === member) family.push(each);
  return family;
}
