import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadOrCreateCredentials } from '../../src/platform/embedded/credentials.js';
import { dataFolderAt, openDataFolder } from '../../src/platform/embedded/data-folder.js';
import { findPostgresBinaries } from '../../src/platform/embedded/postgres-binaries.js';
import { clusterExists, createCluster } from '../../src/platform/embedded/postgres-cluster.js';
import { postgresSystemUser } from '../../src/platform/embedded/postgres-system-user.js';

/**
 * Gives a data folder the database and the logins of a cluster that is made once in a test run: a copy takes a tenth of
 * the time that PostgreSQL needs to set one up. A folder that has a cluster keeps it. Without a run (`LLMQ_TEST_RUN_DIR`),
 * and where there is no `cp` that keeps owners, the folder stays empty, and whoever starts on it sets up its own.
 */
export async function giveCluster(dataDir: string): Promise<void> {
  const run = process.env['LLMQ_TEST_RUN_DIR'];
  if (run === undefined || process.platform === 'win32') return;
  const { root, postgres } = dataFolderAt(dataDir);
  if (await clusterExists(postgres)) return;
  const prepared = dataFolderAt(await preparedIn(run));
  await promisify(execFile)('cp', ['-a', prepared.postgres, prepared.credentials, root]);
}

/** Two test files that come at once make two; one of them is kept. */
async function preparedIn(run: string): Promise<string> {
  const prepared = join(run, 'prepared-cluster');
  if (await clusterExists(dataFolderAt(prepared).postgres)) return prepared;
  const draft = `${prepared}-${randomUUID()}`;
  const folder = await openDataFolder(draft);
  const { postgres: login, readers } = await loadOrCreateCredentials(folder.credentials);
  const runAs = await postgresSystemUser(folder.postgres);
  const binaries = await findPostgresBinaries(runAs);
  const cluster = { dir: folder.postgres, binaries, runAs };
  await createCluster(cluster, { login, reader: readers.postgres }, false);
  await rename(draft, prepared).catch(() => rm(draft, { recursive: true, force: true }));
  return prepared;
}
