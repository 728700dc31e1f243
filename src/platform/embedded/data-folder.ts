import { constants } from 'node:fs';
import { access, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedServerError } from './embedded-server.error.js';

/** Where everything of the embedded servers lies. Absolute paths. */
export interface DataFolder {
  readonly root: string;
  readonly credentials: string;
  /** Records of what runs, so that the next start finds what a SIGKILL left behind. */
  readonly run: string;
  readonly logs: string;
  readonly nats: string;
  readonly postgres: string;
}

export function dataFolderAt(root: string): DataFolder {
  return {
    root,
    credentials: join(root, 'credentials.json'),
    run: join(root, 'run'),
    logs: join(root, 'logs'),
    nats: join(root, 'nats'),
    postgres: join(root, 'postgres'),
  };
}

/** @throws {EmbeddedServerError} `data_dir_not_usable` */
export async function openDataFolder(dataDir: string): Promise<DataFolder> {
  try {
    await mkdir(dataDir, { recursive: true });
    const folder = dataFolderAt(await realpath(dataDir));
    for (const path of [folder.run, folder.logs, folder.nats]) {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await access(path, constants.W_OK | constants.X_OK);
    }
    return folder;
  } catch (error) {
    throw new EmbeddedServerError(
      'data_dir_not_usable',
      `The data folder ${dataDir} can't be used: ${(error as Error).message}. Set LLMQ_DATA_DIR to a folder that this user may write to. If an earlier start ran as another user (root, for instance), start as that one again.`,
      { cause: error },
    );
  }
}
