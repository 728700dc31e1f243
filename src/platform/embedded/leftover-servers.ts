import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Credentials } from './credentials.js';
import type { DataFolder } from './data-folder.js';
import { NATS_END_STEPS, natsConfigFile, natsPidFile, probeNats } from './embedded-nats.js';
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
 * A process is only ended when it is proven to be ours: it is the recorded one by its start time, a server that takes our
 * own password answers at the known port, or it was started with our own configuration file.
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
  // id, and its port was recorded before. PostgreSQL tells its port too, where our records are lost.
  const [pid, port] = await toldIn(pidFile);
  const record = await readServerRecord(folder.run, server);
  const knownPort = record?.port ?? port;
  if (pid !== null && knownPort !== null && processExists(pid)) {
    return probe(knownPort).then(
      () => pid,
      () => null,
    );
  }
  return server === 'nats' && record === null ? natsServerOver(folder) : null;
}

/**
 * The NATS server over this store, of which no record is left: nothing else keeps a second one from its files. Only Linux
 * tells which process was started with our own configuration file.
 */
async function natsServerOver(folder: DataFolder): Promise<number | null> {
  if (process.platform !== 'linux') return null;
  const config = natsConfigFile(folder);
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    const [, option, file] = command.split('\0');
    if (option === '--config' && file === config) return Number(name);
  }
  return null;
}

async function firstLineAsPid(path: string): Promise<number | null> {
  return (await toldIn(path))[0];
}

/** PostgreSQL writes its port into the fourth line of its file; NATS tells no more than its process. */
async function toldIn(path: string): Promise<[pid: number | null, port: number | null]> {
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n');
  const positive = (line: string | undefined) => {
    const number = Number.parseInt(line ?? '', 10);
    return number > 0 ? number : null;
  };
  return [positive(lines[0]), positive(lines[3])];
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
