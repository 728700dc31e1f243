import { copyFile, open, stat, truncate } from 'node:fs/promises';

/** Where the log is cut; one older file of this size is kept beside it as `<name>.1`. */
const LIMIT_BYTES = 10 * 1024 * 1024;
const TAIL_BYTES = 4 * 1024;
/** What a server says of its own failure stands near the end: it says little else then. */
const SEARCHED_BYTES = 256 * 1024;

/**
 * A server's standard output and error, in one file. It is a file and not a pipe to us, because a server whose pipe has
 * no reader any more (we were killed) dies at its next line.
 */
export class ServerLog {
  constructor(readonly path: string) {}

  /** A handle for the child. Appending, so that the child goes on at the new end after a cut. */
  open() {
    return open(this.path, 'a', 0o600);
  }

  async size(): Promise<number> {
    return (await stat(this.path).catch(() => null))?.size ?? 0;
  }

  /** Lines written between the copy and the cut are lost; that is the price of a file that another process holds open. */
  async cutIfLong(): Promise<void> {
    if ((await this.size()) < LIMIT_BYTES) return;
    await copyFile(this.path, `${this.path}.1`);
    await truncate(this.path, 0);
  }

  /** The last lines written after `fromByte`, on one line, for an error message. Empty where nothing was written. */
  async tail(fromByte: number): Promise<string> {
    return (await this.end(fromByte, TAIL_BYTES))
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .slice(-8)
      .join(' | ');
  }

  /** Whether it says so after `fromByte`, in its last 256 KiB. */
  async says(pattern: RegExp, fromByte: number): Promise<boolean> {
    return pattern.test(await this.end(fromByte, SEARCHED_BYTES));
  }

  private async end(fromByte: number, mostBytes: number): Promise<string> {
    const file = await open(this.path, 'r').catch(() => null);
    if (file === null) return '';
    try {
      const { size } = await file.stat();
      // A log that was cut since begins anew.
      const start = Math.max(fromByte > size ? 0 : fromByte, size - mostBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  }
}
