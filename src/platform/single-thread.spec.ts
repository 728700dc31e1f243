import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SingleThread } from './single-thread.js';

let folder: string;
let thread: SingleThread<string, string> | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llmq-thread-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => thread?.close());

async function threadOf(name: string, code: string): Promise<SingleThread<string, string>> {
  const path = join(folder, `${name}.mjs`);
  await writeFile(path, code);
  thread = new SingleThread({ file: pathToFileURL(path), resourceLimits: {}, workerData: { path } });
  return thread;
}

describe('SingleThread', () => {
  it('carries out one task after the other, and keeps what it has', async () => {
    const counting = await threadOf(
      'counting',
      'let n = 0; export default async (word) => { n += 1; await null; return word + n; };',
    );
    expect(await Promise.all(['a', 'b', 'c'].map((word) => counting.run(word)))).toEqual(['a1', 'b2', 'c3']);
  });

  it('has no key of the endpoints in its environment', async () => {
    process.env['LLMQ_TEST_API_KEY'] = 'sk-of-a-provider';
    try {
      const asked = await threadOf('asked', 'export default (name) => process.env[name] ?? "none";');
      expect(await asked.run('LLMQ_TEST_API_KEY')).toBe('none');
      expect(await asked.run('PATH')).toBe(process.env['PATH']);
    } finally {
      delete process.env['LLMQ_TEST_API_KEY'];
    }
  });

  it('fails its tasks when it cannot be loaded', async () => {
    const broken = await threadOf('broken', 'throw new Error("no such luck");');
    await expect(broken.run('a')).rejects.toThrow('no such luck');
    await expect(broken.run('b')).rejects.toThrow('no such luck');
  });

  it('never carries out what it told to have failed', async () => {
    const broken = await threadOf('repaired', 'throw new Error("not yet");');
    await expect(broken.run('a')).rejects.toThrow('not yet');
    await expect(broken.run('b')).rejects.toThrow('not yet');
    await writeFile(
      join(folder, 'repaired.mjs'),
      'const done = []; export default (word) => { done.push(word); return done.join(); };',
    );
    expect(await broken.run('c')).toBe('c');
  });

  it('fails the task under way when it dies over it, and goes on with the next', async () => {
    const dying = await threadOf(
      'dying',
      'export default (word) => word === "die" ? new Promise(() => setTimeout(() => { throw new Error("died"); })) : word;',
    );
    await expect(dying.run('die')).rejects.toThrow('died');
    expect(await dying.run('next')).toBe('next');
  });

  it('outlives a failure between two tasks', async () => {
    const moody = await threadOf(
      'moody',
      'export default (word) => { if (word === "later") setTimeout(() => { throw new Error("late"); }, 20); return word; };',
    );
    expect(await moody.run('later')).toBe('later');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await moody.run('next')).toBe('next');
  });
});
