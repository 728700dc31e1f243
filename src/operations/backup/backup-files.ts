import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SNAPSHOT_CHUNK_BYTES } from '../../broker/stream-snapshots.js';
import {
  BackupDamagedError,
  type BackupManifest,
  type BackupStream,
  MANIFEST_FILE,
  manifestSchema,
} from './backup-manifest.js';

export class BackupExistsError extends Error {
  readonly code = 'backup_exists';
  constructor(folder: string) {
    super(`The folder ${folder} is not empty. Name one that is empty, or that is not there yet.`);
  }
}

/** @throws {BackupExistsError} */
export async function makeBackupFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) throw new BackupExistsError(folder);
}

/** A file that is written part by part, with its checksum, and is on disk when it is closed. */
export class SummedFile {
  private readonly hash = createHash('sha256');
  private bytes = 0;

  private constructor(private readonly file: Awaited<ReturnType<typeof open>>) {}

  static async create(path: string): Promise<SummedFile> {
    return new SummedFile(await open(path, 'wx', 0o600));
  }

  async write(part: Uint8Array): Promise<void> {
    this.hash.update(part);
    this.bytes += part.length;
    await this.file.writeFile(part);
  }

  async close(): Promise<Pick<BackupStream, 'bytes' | 'sha256'>> {
    try {
      await this.file.sync();
    } finally {
      await this.file.close();
    }
    return { bytes: this.bytes, sha256: this.hash.digest('hex') };
  }
}

/** @throws {BackupDamagedError} for a folder without a whole back-up */
export async function readManifest(folder: string): Promise<BackupManifest> {
  const text = await readFile(join(folder, MANIFEST_FILE), 'utf8').catch(() => null);
  if (text === null) {
    throw new BackupDamagedError(
      MANIFEST_FILE,
      `is missing in ${folder}: this is no back-up, or not a whole one`,
    );
  }
  const read = manifestSchema.safeParse(parsed(text));
  if (!read.success)
    throw new BackupDamagedError(MANIFEST_FILE, 'is not what a back-up of this version holds');
  return read.data;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @throws {BackupDamagedError} naming the first file that is not as it was written */
export async function checkFiles(folder: string, { streams }: BackupManifest): Promise<void> {
  for (const { file, bytes, sha256 } of streams) {
    const hash = createHash('sha256');
    let found = 0;
    try {
      for await (const part of createReadStream(join(folder, file))) {
        hash.update(part);
        found += part.length;
      }
    } catch (error) {
      throw new BackupDamagedError(file, `can't be read (${(error as Error).message})`);
    }
    if (found !== bytes) throw new BackupDamagedError(file, `has ${found} bytes and not ${bytes}`);
    if (hash.digest('hex') !== sha256) throw new BackupDamagedError(file, 'does not fit its checksum');
  }
}

export function chunksOf(folder: string, { file }: BackupStream): AsyncIterable<Uint8Array> {
  return createReadStream(join(folder, file), { highWaterMark: SNAPSHOT_CHUNK_BYTES });
}
