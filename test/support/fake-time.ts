import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where Debian and Fedora keep the library of their package libfaketime; null where it is not installed. */
export const FAKE_TIME_LIBRARY: string | null =
  [
    '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
    '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
    '/usr/lib64/faketime/libfaketimeMT.so.1',
  ].find((path) => existsSync(path)) ?? null;

/** The wall clock of a process, which a test sets while the process runs. */
export interface FakeClock {
  /** What the process is to be started with. */
  readonly env: NodeJS.ProcessEnv;
  /** So many seconds before (below 0) or behind the machine's. */
  set(seconds: number): Promise<void>;
}

/**
 * The monotonic clock goes on as it is, as when a person or NTP sets the machine's. Servers that the process starts keep
 * the machine's time where they are static programs, such as nats-server, which can't be told another.
 */
export async function fakeClock(folder: string): Promise<FakeClock> {
  if (FAKE_TIME_LIBRARY === null) throw new Error('libfaketime is not installed');
  const file = join(folder, 'clock');
  const set = (seconds: number) => writeFile(file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  await set(0);
  return {
    env: {
      LD_PRELOAD: FAKE_TIME_LIBRARY,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
  };
}
