import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Credentials } from './credentials.js';
import type { DataFolder } from './data-folder.js';
import { NATS_END_STEPS, natsPidFile, probeNats } from './embedded-nats.js';
import { POSTGRES_END_STEPS, probePostgres } from './embedded-postgres.js';
import { endProcess } from './end-process.js';
import { processExists } from './process-identity.js';
import { readServerRecord, recordedPid, type ServerName } from './server-record.js';

const postmasterPidFile = (folder: DataFolder) => join(folder.postgres, 'postmaster.pid');

/**
 * Ends the servers that an earlier process of the service left behind when it was killed: nothing watches over them, and
 * two servers must never run over the same files. Gently, so that the next start needs no recovery. The caller holds
 * the folder's lock.
 *
 * A process is only ended when it is proven to be ours: it is the recorded one by its start time, or a server that takes
 * our own password answers at the recorded port.
 */
export async function endLeftoverServers(
  folder: DataFolder,
  credentials: Credentials,
  logger: Logger,
): Promise<void> {
  const nats = await leftoverPid(folder, 'nats', natsPidFile(folder), (port) =>
    probeNats(port, credentials.nats),
  );
  const postgres = await leftoverPid(folder, 'postgres', postmasterPidFile(folder), (port) =>
    probePostgres(port, credentials.postgres),
  );
  if (nats !== null) {
    logger.warn(`Stopping the NATS server (process ${nats}) that an earlier start left behind.`);
    await endProcess(nats, NATS_END_STEPS);
  }
  if (postgres !== null) {
    logger.warn(`Stopping the PostgreSQL server (process ${postgres}) that an earlier start left behind.`);
    await endProcess(postgres, POSTGRES_END_STEPS);
  }
  await removeStalePostmasterPid(folder, logger);
}

async function leftoverPid(
  folder: DataFolder,
  server: ServerName,
  pidFile: string,
  probe: (port: number) => Promise<void>,
): Promise<number | null> {
  const recorded = await recordedPid(folder.run, server);
  if (recorded !== null) return recorded;
  // We may have been killed between starting the server and recording its process: then the server itself has told its
  // id, and its port was recorded before.
  const pid = await firstLineAsPid(pidFile);
  const record = await readServerRecord(folder.run, server);
  if (pid === null || record === null || !processExists(pid)) return null;
  return probe(record.port).then(
    () => pid,
    () => null,
  );
}

async function firstLineAsPid(path: string): Promise<number | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return pid > 0 ? pid : null;
}

/**
 * PostgreSQL does not start while any process has the id in its lock file. After a crash of the machine, or in a new
 * container over the same volume, that is easily a stranger. Where it is surely one, the file is removed; where it is
 * not sure, PostgreSQL refuses and says so.
 */
async function removeStalePostmasterPid(folder: DataFolder, logger: Logger): Promise<void> {
  const file = postmasterPidFile(folder);
  const pid = await firstLineAsPid(file);
  if (pid === null || !processExists(pid) || !(await isSurelyNoPostmasterOf(pid, folder.postgres))) return;
  logger.warn(`Removing ${file}: process ${pid}, which it names, is not its PostgreSQL server.`);
  await rm(file);
}

/** A postmaster's working directory is its data directory. Systems other than Linux don't tell it: there we are not sure. */
async function isSurelyNoPostmasterOf(pid: number, clusterDir: string): Promise<boolean> {
  if (process.platform !== 'linux') return pid === process.pid;
  try {
    const [workingDir, cluster] = await Promise.all([stat(`/proc/${pid}/cwd`), stat(clusterDir)]);
    return workingDir.dev !== cluster.dev || workingDir.ino !== cluster.ino;
  } catch {
    // Another user's process, which PostgreSQL ignores by itself, or one that has just ended.
    return false;
  }
}
