import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { DataFolder } from './data-folder.js';
import { EmbeddedServerError } from './embedded-server.error.js';
import { readJsonFile, writePrivateFile } from './private-file.js';
import { processIdentity } from './process-identity.js';

/** Held until `release` or the end of the process, however it ends. */
export interface DataFolderLock {
  release(): Promise<void>;
}

/**
 * Makes this process the only owner of a data folder: two pairs of servers over the same files would destroy them.
 *
 * The lock is a local socket that we listen on, because the system itself closes it with our process: a file with a
 * process id would outlive a SIGKILL, and would then name whoever got the id next. The file beside it only tells a
 * refused process who the owner is. Processes in containers that share the folder but not the network don't see each
 * other's lock.
 *
 * @param missing the addresses that are not set, for which the folder's servers are wanted
 * @throws {EmbeddedServerError} `data_dir_in_use`
 */
export async function lockDataFolder(
  folder: DataFolder,
  missing: readonly AddressVariable[] = ['NATS_URL', 'DATABASE_URL'],
): Promise<DataFolderLock> {
  const address = await lockAddress(folder.root);
  const server = await claim(address);
  if (server === null) throw await inUse(folder, missing);
  const identity = await processIdentity(process.pid);
  await writePrivateFile(ownerPath(folder), JSON.stringify({ pid: process.pid, identity }));
  return {
    async release() {
      await rm(ownerPath(folder), { force: true });
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The folder by its place on the disk, so that a link to it or another spelling of its path is the same folder. */
async function lockAddress(root: string): Promise<string> {
  const { dev, ino } = await stat(root, { bigint: true });
  const name = `llmq-${createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 24)}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  // Linux's abstract names leave no file behind. Elsewhere it is a file, at a short path: longer ones than 100 bytes fail.
  return process.platform === 'linux' ? `\0${name}` : join('/tmp', `${name}.sock`);
}

/** Null when a living process holds the address. */
export async function claim(address: string): Promise<Server | null> {
  const isFile = address.startsWith('/');
  let server = await listen(address);
  if (server === null && isFile && !(await answers(address))) {
    // The socket file of a process that is gone.
    await rm(address, { force: true });
    server = await listen(address);
  }
  if (server !== null && isFile && !(await stillOurs(server, address))) {
    server.close();
    return null;
  }
  return server;
}

async function listen(address: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  server.listen(address);
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null;
    throw error;
  }
  // Nobody should wait for the end of a process because it holds a lock.
  return server.unref();
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => socket.destroy() && resolve(true));
    socket.once('error', () => resolve(false));
  });
}

/** Two processes that found the same dead socket file may both have replaced it; the name leads to the last one. */
async function stillOurs(server: Server, address: string): Promise<boolean> {
  await sleep(250);
  const reached = once(server, 'connection').then(() => true);
  return (await answers(address)) && (await Promise.race([reached, sleep(1_000, false, { ref: false })]));
}

export type AddressVariable = 'NATS_URL' | 'DATABASE_URL';

const ownerPath = (folder: DataFolder) => join(folder.run, 'owner.json');
const ownerSchema = z.object({ pid: z.number().int().positive(), identity: z.string().nullable() });

async function inUse(folder: DataFolder, missing: readonly AddressVariable[]): Promise<EmbeddedServerError> {
  const owner = ownerSchema.safeParse(await readJsonFile(ownerPath(folder)));
  const known = owner.success && (await processIdentity(owner.data.pid)) === owner.data.identity;
  const who = known ? `process ${owner.data.pid}` : 'a process that is just starting';
  return new EmbeddedServerError(
    'data_dir_in_use',
    `The data folder ${folder.root} is in use by another instance of this service (${who}). Stop that one, or set LLMQ_DATA_DIR to another folder for this one. To run several processes on the same data, give all of them the same ${missing.join(' and ')} instead of embedded servers.`,
  );
}
