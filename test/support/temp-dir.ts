import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder of its own for a test. Like every folder of `mkdtemp`, only its owner may enter it. */
export function makeTempDir(name = 'llmq-test'): Promise<string> {
  return mkdtemp(join(tmpdir(), `${name}-`));
}

export function removeTempDir(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
