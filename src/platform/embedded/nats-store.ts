import { statfs } from 'node:fs/promises';

/** Where the embedded NATS server stores, as whoever watches its room sees it. */
export interface NatsStore {
  /** `nats.max_store_bytes`; null: the size of its disk, as it was when the server started. */
  readonly maxBytes: number | null;
  /** What this user can still write on its disk, in bytes. */
  freeBytes(): Promise<number>;
  /** True where the server has logged since its start that its disk is full. */
  hasMetFullDisk(): Promise<boolean>;
  /** Ends the server gently; its supervisor starts it again. Resolves when it has ended. */
  restart(reason: string): Promise<void>;
}

export interface DiskSpace {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** Of the file system that holds this folder. What is kept for root does not count as free. */
export async function diskSpaceAt(folder: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}
