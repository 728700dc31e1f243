import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const PROJECT = resolve(import.meta.dirname, '../..');
const SERVER = `const { once } = require('node:events');
  it('opens a server', () => once(require('node:net').createServer().listen(0, '127.0.0.1'), 'listening'));`;

let dir: string;

beforeAll(async () => {
  dir = await makeTempDir('llmq-test-end');
  await mkdir(join(dir, 'tests'));
});
afterAll(() => removeTempDir(dir));

/** A run of jest of its own over these tests, in its own process as `npm test` runs them, with this time to end. */
async function run(tests: string, withinMs: number): Promise<{ code: number; output: string }> {
  await writeFile(join(dir, 'tests', 'one.test.js'), tests);
  const config = {
    rootDir: join(dir, 'tests'),
    testEnvironment: join(PROJECT, 'test/support/closed-environment.js'),
    testEnvironmentOptions: { closedWithinMs: withinMs },
    reporters: ['default', [join(PROJECT, 'scripts/jest-end.reporter.js'), { endsWithinMs: withinMs }]],
    transform: {},
    testTimeout: 300_000,
  };
  const args = ['--experimental-vm-modules', join(PROJECT, 'node_modules/jest/bin/jest.js'), '--runInBand'];
  return new Promise((settle) => {
    const child = execFile(
      process.execPath,
      [...args, '--config', JSON.stringify(config)],
      {},
      (_error, out, err) => settle({ code: child.exitCode ?? -1, output: out + err }),
    );
  });
}

it('a run that closes everything ends by itself', async () => {
  expect(await run("it('is quiet', () => undefined);", 60_000)).toMatchObject({ code: 0 });
});

it('a file that leaves something open fails, and so does the run, which ends in time', async () => {
  const { code, output } = await run(SERVER, 5_000);
  expect(code).toBe(1);
  expect(output).toContain('The tests left open: 1 TCPServerWrap.');
  expect(output).toContain('The test run does not end: something is still open');
});

it('what a failed test left open hides neither its failure nor the end', async () => {
  const { code, output } = await run(`${SERVER}\nit('fails', () => expect('this').toBe('that'));`, 5_000);
  expect(code).toBe(1);
  expect(output).toContain('Expected: "that"');
  expect(output).not.toContain('The tests left open');
  expect(output).toContain('The test run does not end: something is still open');
});
