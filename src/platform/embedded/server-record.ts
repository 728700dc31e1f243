import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJsonFile, writePrivateFile } from './private-file.js';
import { processIdentity } from './process-identity.js';

export type ServerName = 'nats' | 'postgres';

/**
 * What a data folder knows of a server of its own. The port is kept while the server is down, so that clients find it
 * again at the same address; `process` is null then.
 */
const recordSchema = z.object({
  port: z.number().int().min(1).max(65_535),
  process: z.object({ pid: z.number().int().positive(), identity: z.string() }).nullable(),
});
export type ServerRecord = z.infer<typeof recordSchema>;

const recordPath = (runDir: string, server: ServerName) => join(runDir, `${server}.json`);

export async function readServerRecord(runDir: string, server: ServerName): Promise<ServerRecord | null> {
  const parsed = recordSchema.safeParse(await readJsonFile(recordPath(runDir, server)));
  return parsed.success ? parsed.data : null;
}

export async function writeServerRecord(
  runDir: string,
  server: ServerName,
  record: ServerRecord,
): Promise<void> {
  // Someone may have removed this folder while the servers run, which is no reason not to start or to stop them.
  await mkdir(runDir, { mode: 0o700 }).catch(() => undefined);
  await writePrivateFile(recordPath(runDir, server), `${JSON.stringify(record)}\n`);
}

/** The recorded process where it still runs: the same process, not another that was given its id. */
export async function recordedPid(runDir: string, server: ServerName): Promise<number | null> {
  const recorded = (await readServerRecord(runDir, server))?.process ?? null;
  if (recorded === null) return null;
  return (await processIdentity(recorded.pid)) === recorded.identity ? recorded.pid : null;
}
