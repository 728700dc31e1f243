import { execFileSync } from 'node:child_process';
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTempDir, removeTempDir } from './temp-dir.js';

const MIB = 1024 * 1024;
const MOUNT = 'mount -t tmpfs -o mode=0755,size="$1" tmpfs "$2" && shift 2 && exec "$@"';

/** The command that runs another one with a disk of this size at this folder, which no other process sees. */
function onDisk(sizeBytes: number, folder: string): string[] {
  return ['unshare', '-m', 'sh', '-c', MOUNT, 'sh', String(sizeBytes), folder];
}

/** Null where a test may have a disk of its own, else why not: it needs Linux, and the right to mount. */
export function whyNoSmallDisk(): string | null {
  try {
    const [program, ...args] = onDisk(MIB, tmpdir()) as [string, ...string[]];
    execFileSync(program, [...args, 'true'], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A disk that a service is started on, and that can be filled and emptied while it runs. */
export class SmallDisk {
  private constructor(
    /** Where the service sees it: its data folder. */
    readonly folder: string,
    readonly sizeBytes: number,
    private readonly outside: string,
  ) {}

  static async make(sizeMib: number): Promise<SmallDisk> {
    const outside = await makeTempDir('llmq-small-disk');
    const folder = join(outside, 'disk');
    await mkdir(folder);
    return new SmallDisk(folder, sizeMib * MIB, outside);
  }

  /** For `startService`: it is mounted for the service and its children alone, and is gone when they are. */
  get through(): string[] {
    return onDisk(this.sizeBytes, this.folder);
  }

  /** The folder as this process finds it, by a process that has it mounted. */
  seenBy(pid: number): string {
    return `/proc/${pid}/root${this.folder}`;
  }

  async freeBytes(pid: number): Promise<number> {
    const { bavail, bsize } = await statfs(this.seenBy(pid));
    return bavail * bsize;
  }

  /** Another program's file, which leaves so many bytes; 0 for none at all. Called again, it grows. */
  async fill(pid: number, leaveBytes = 0): Promise<void> {
    const file = await open(join(this.seenBy(pid), 'filler'), 'a');
    try {
      for (let free = await this.freeBytes(pid); free > leaveBytes; free = await this.freeBytes(pid)) {
        await file.write(Buffer.alloc(Math.min(4 * MIB, free - leaveBytes)));
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      await file.close();
    }
  }

  async empty(pid: number): Promise<void> {
    await rm(join(this.seenBy(pid), 'filler'), { force: true });
  }

  async remove(): Promise<void> {
    await removeTempDir(this.outside);
  }
}
