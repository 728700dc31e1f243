import { execFile } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { makeTempDir } from './temp-dir.js';

const PROJECT = resolve(import.meta.dirname, '../..');

/**
 * Compiles folders into a temporary folder, for tests that run a part of the service in a process of its own
 * without touching `dist`.
 *
 * @param folders of the project
 * @returns the folder that stands for the project's; the caller removes it
 */
export async function compileSource(...folders: string[]): Promise<string> {
  const out = await makeTempDir('llmq-compiled');
  const swc = join(PROJECT, 'node_modules/@swc/cli/bin/swc.js');
  const args = [swc, ...folders, '-d', out, '--extensions', '.ts,.js'];
  await promisify(execFile)(process.execPath, args, { cwd: PROJECT });
  await symlink(join(PROJECT, 'node_modules'), join(out, 'node_modules'), 'junction');
  return out;
}
