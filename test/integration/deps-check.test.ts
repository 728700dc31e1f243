import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

/** The rules of the project itself, on a project small enough to be read at once. */

const PROJECT = resolve(import.meta.dirname, '../..');
const TIDY: Readonly<Record<string, string>> = {
  'src/domain/message.events.ts': 'export const LANE = "normal";\n',
  'src/log/log.ts':
    'import { z } from "zod";\nimport { LANE } from "../domain/message.events.js";\nexport const log = [LANE, z];\n',
  'src/app/start.ts': 'import { log } from "../log/log.js";\nexport const started = [log];\n',
};

/** What the rules know by its place in node_modules; a link would lead out of the copy. */
const PACKAGES = ['fastify', '@nestjs/common', '@nestjs/swagger', '@nats-io/transport-node', 'typeorm'];
const TOOLS = ['.bin', 'dependency-cruiser', 'typescript', 'zod'];

let copy: string;

beforeAll(async () => {
  copy = await makeTempDir('llmq-deps');
  for (const name of PACKAGES) {
    const folder = join(copy, 'node_modules', name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name, main: 'index.js' }));
    await writeFile(join(folder, 'index.js'), 'export const made = 1;\n');
  }
  for (const name of TOOLS)
    await symlink(join(PROJECT, 'node_modules', name), join(copy, 'node_modules', name), 'junction');
  for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'scripts'])
    await cp(join(PROJECT, name), join(copy, name), { recursive: true });
});
afterAll(() => removeTempDir(copy));

/** Writes these files over the tidy project, and checks it. */
async function checked(files: Readonly<Record<string, string>>, dependencies: object = { zod: '*' }) {
  const { scripts } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8'));
  const manifest = { type: 'module', scripts, dependencies, unimported: { typescript: 'the check' } };
  const devDependencies = { 'dependency-cruiser': '*', typescript: '*' };
  const all = {
    ...TIDY,
    ...files,
    'package.json': JSON.stringify({ ...manifest, devDependencies }),
  };
  for (const [path, content] of Object.entries(all)) {
    await mkdir(dirname(join(copy, path)), { recursive: true });
    await writeFile(join(copy, path), content);
  }
  return new Promise<{ code: number; output: string }>((done) => {
    execFile('npm', ['run', '--silent', 'deps:check'], { cwd: copy }, (error, stdout, stderr) => {
      for (const path of Object.keys(files)) if (!(path in TIDY)) rmSync(join(copy, path));
      done({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

it('lets a tidy project pass', async () =>
  expect(await checked({})).toMatchObject({
    code: 0,
    output: expect.stringContaining('no dependency viol'),
  }));

it.each([
  [
    'an import of a room above',
    'log-imports-only-from-below',
    { 'src/log/log.ts': 'import { started } from "../app/start.js";\nexport const log = [started];\n' },
  ],
  [
    'a room that nobody knows',
    'rooms-are-known',
    { 'src/attic/box.ts': 'import { LANE } from "../domain/message.events.js";\nexport const box = LANE;\n' },
  ],
  [
    'a circle of files in one room',
    'no-cycles',
    {
      'src/app/one.ts': 'import { two } from "./two.js";\nexport const one = () => two;\n',
      'src/app/two.ts': 'import { one } from "./one.js";\nexport const two = () => one;\n',
    },
  ],
  [
    'a circle of two rooms, by four files',
    'broker-imports-only-from-below',
    {
      'src/log/reader.ts': 'import { pull } from "../broker/pull.js";\nexport const reader = pull;\n',
      'src/broker/pull.ts': 'export const pull = 1;\n',
      'src/broker/watch.ts': 'import { end } from "../log/end.js";\nexport const watch = end;\n',
      'src/log/end.ts': 'export const end = 1;\n',
    },
  ],
  [
    'a thread that loads the framework, by another file',
    'threads-and-commands-load-no-framework',
    {
      'src/log/read.thread.ts': 'import { reader } from "./reader.js";\nexport const work = reader;\n',
      'src/log/reader.ts':
        'import { Injectable } from "@nestjs/common";\nexport const reader = Injectable;\n',
    },
  ],
])('refuses %s', async (_, rule, files) => {
  const { code, output } = await checked(files);
  expect([code !== 0, output]).toEqual([true, expect.stringContaining(rule)]);
});

/** A file that imports from one place, in each line of a table: the rule that it breaks (none: null), the file, the place. */
type Import = readonly [rule: string | null, file: string, from: string];

const IMPORTS: readonly Import[] = [
  ...['operations', 'submission', 'dispatch', 'conversations', 'projection', 'log', 'broker', 'platform'].map(
    (room): Import => ['http-stays-in-interfaces', `src/${room}/reply.ts`, 'fastify'],
  ),
  ['http-stays-in-interfaces', 'src/submission/field.ts', '@nestjs/swagger'],
  [null, 'src/interfaces/reply.ts', 'fastify'],
  ['projection-tables-knows-its-place', 'src/projection/tables/a.ts', '../read/to.js'],
  ['projection-write-knows-its-place', 'src/projection/write/a.ts', '../fold/to.js'],
  ['projection-write-knows-its-place', 'src/projection/write/b.ts', '../read/to.js'],
  ['projection-fold-knows-its-place', 'src/projection/fold/a.ts', '../rebuild/to.js'],
  ['projection-fold-knows-its-place', 'src/projection/fold/b.ts', '../read/to.js'],
  ['projection-read-knows-its-place', 'src/projection/read/a.ts', '../write/to.js'],
  ['projection-read-knows-its-place', 'src/projection/read/b.ts', '../fold/to.js'],
  ['projection-read-knows-its-place', 'src/projection/read/c.ts', '../rebuild/to.js'],
  ['projection-rebuild-knows-its-place', 'src/projection/rebuild/a.ts', '../read/to.js'],
  [null, 'src/projection/rebuild/b.ts', '../fold/to.js'],
  [null, 'src/projection/fold/c.ts', '../write/to.js'],
  [null, 'src/projection/write/c.ts', '../tables/to.js'],
  [null, 'src/projection/read/d.ts', '../tables/to.js'],
  ['broker-types-stay-in-adapters', 'src/submission/wire.ts', '@nats-io/transport-node'],
  [null, 'src/submission/nats/wire.ts', '@nats-io/transport-node'],
  ['database-types-stay-in-adapters', 'src/operations/query.ts', 'typeorm'],
  ['pure-files-stay-pure', 'src/app/clock.policy.ts', 'node:perf_hooks'],
  ['source-does-not-import-tests', 'src/app/spy.ts', '../../test/made.js'],
  ['no-unresolvable', 'src/app/lost.ts', './nowhere.js'],
];

it('names every file that breaks a rule of the rooms, and no other', async () => {
  const folders = ['tables', 'write', 'fold', 'read', 'rebuild'];
  const places = ['test/made.ts', ...folders.map((folder) => `src/projection/${folder}/to.ts`)];
  const { code, output } = await checked({
    ...Object.fromEntries(places.map((path) => [path, 'export const made = 1;\n'])),
    ...Object.fromEntries(
      IMPORTS.map(([, file, from]) => [
        file,
        `import type { made } from "${from}";\nexport type Made = typeof made;\n`,
      ]),
    ),
  });
  expect(code).not.toBe(0);
  const named = [...output.matchAll(/error (\S+): (\S+\.ts)/g)].map(([, rule, file]) => `${file} ${rule}`);
  const broken = IMPORTS.filter(([rule]) => rule !== null).map(([rule, file]) => `${file} ${rule}`);
  expect(named.sort()).toEqual(broken.sort());
});

it('refuses a package that nothing imports', async () => {
  const { code, output } = await checked({}, { zod: '*', uuid: '*' });
  expect([code, output]).toEqual([1, expect.stringContaining('uuid: nothing imports it')]);
});
