import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  cp,
  mkdir,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { inOneOf } from '../support/in-one-of.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const PROJECT = resolve(import.meta.dirname, '../..');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A stand-in for the service: tells what it got, then waits for a signal that it turns into an exit code. */
const SERVICE = `
console.log(JSON.stringify({ args: process.argv.slice(2), nats: process.env['NATS_SERVER_BIN'] ?? null }));
if (process.env['END_WITH'] === 'SIGKILL') process.kill(process.pid, 'SIGKILL');
if (process.env['END_WITH']) process.exit(Number(process.env['END_WITH']));
let signals = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    signals++;
    console.log(signal);
    setTimeout(() => process.exit(40 + signals), 300);
  });
}
setInterval(() => {}, 1_000);
console.log('waiting');
`;

// Signals and the stand-ins' shell scripts are those of Unix.
const onUnix = process.platform === 'win32' ? describe.skip : describe;

onUnix('the set-up of a checkout', () => {
  let checkout: string;
  const running: ChildProcess[] = [];

  const makeCheckout = async () => {
    checkout = await makeTempDir('llmq-checkout');
    await cp(join(PROJECT, 'scripts'), join(checkout, 'scripts'), { recursive: true });
    await mkdir(join(checkout, 'src'));
    await writeFile(join(checkout, 'src/main.ts'), SERVICE);
    for (const file of ['nest-cli.json', '.swcrc', 'tsconfig.json']) {
      await cp(join(PROJECT, file), join(checkout, file));
    }
  };

  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });

  /** Packages of the real project, as if somebody had installed them after the lock file was written. */
  const borrowPackages = async () => {
    await cp(join(PROJECT, 'package.json'), join(checkout, 'package.json'));
    await cp(join(PROJECT, 'package-lock.json'), join(checkout, 'package-lock.json'));
    await utimes(join(checkout, 'package-lock.json'), 0, 0);
    await symlink(join(PROJECT, 'node_modules'), join(checkout, 'node_modules'));
  };

  /** A project whose one package lies beside it, so that npm needs no registry. */
  const needOneLocalPackage = async () => {
    const dependencies = { local: 'file:local' };
    const project = { name: 'checkout', version: '1.0.0', type: 'module' };
    const packages = {
      '': { ...project, dependencies },
      local: { version: '1.0.0' },
      'node_modules/local': { resolved: 'local', link: true },
    };
    await addLocalPackage('local');
    await writeFile(join(checkout, 'package.json'), JSON.stringify({ ...project, dependencies }));
    await writeFile(
      join(checkout, 'package-lock.json'),
      JSON.stringify({ ...project, lockfileVersion: 3, requires: true, packages }),
    );
  };

  const addLocalPackage = async (name: string) => {
    await mkdir(join(checkout, name));
    await writeFile(join(checkout, name, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
  };

  const addDependency = async (name: string, version: string) => {
    const path = join(checkout, 'package.json');
    const project = JSON.parse(await readFile(path, 'utf8'));
    const dependencies = { ...project.dependencies, [name]: version };
    await writeFile(path, JSON.stringify({ ...project, dependencies }));
  };

  const launch = (
    script: string,
    { args = [], env = {} }: { args?: string[]; env?: NodeJS.ProcessEnv } = {},
  ) => {
    // NATS_URL: the service brings its own servers along, so that no nats-server is looked for.
    const child = spawn(process.execPath, [`scripts/${script}`, ...args], {
      cwd: checkout,
      env: {
        ...process.env,
        // Of the set-up that runs these tests, which must not reach the one under test.
        NATS_SERVER_BIN: undefined,
        NATS_URL: 'nats://elsewhere',
        NODE_OPTIONS: '',
        TMPDIR: checkout,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.push(child);
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    const ended: Promise<Ended> = once(child, 'close').then(([code]) => ({ code, ...output }));
    return { child, output, ended };
  };

  describe('with packages', () => {
    // One checkout for all: a build takes seconds. No test asks whether it is built when it begins.
    beforeAll(async () => {
      await makeCheckout();
      await borrowPackages();
    });
    afterAll(() => removeTempDir(checkout));

    const removeBuild = () => rm(join(checkout, 'dist'), { recursive: true, force: true });
    const END = { env: { END_WITH: '0' } };

    it('builds, says so, and passes arguments and exit code', async () => {
      await removeBuild();
      const { code, stdout, stderr } = await launch('start.js', { args: ['--x'], env: { END_WITH: '7' } })
        .ended;
      expect(code).toBe(7);
      expect(stdout).toBe(`${JSON.stringify({ args: ['--x'], nats: null })}\n`);
      expect(stderr).toMatch(
        /› building: there is no finished build yet\n[\s\S]*› built in \d+ s\n› starting/,
      );
    });

    it('builds again only when a source is changed, added or removed', async () => {
      const built = async () => /building/.test((await launch('start.js', END).ended).stderr);
      await built();
      expect(await built()).toBe(false);
      await writeFile(join(checkout, 'src/more.ts'), 'export const more = 1;\n');
      expect(await built()).toBe(true);
      await rm(join(checkout, 'src/more.ts'));
      // Older than the build, as an archive of an earlier state would unpack it.
      await utimes(join(checkout, 'src/main.ts'), 1_000_000_000, 1_000_000_000);
      expect(await built()).toBe(true);
      await writeFile(join(checkout, 'src/rule.spec.ts'), 'export {};\n');
      expect(await built()).toBe(false);
    });

    it("builds again after a build that failed, and ends with 1 and the compiler's words", async () => {
      await writeFile(join(checkout, 'src/broken.ts'), 'const x: = 3;\n');
      for (let start = 0; start < 2; start++) {
        const { code, stderr, stdout } = await launch('start.js', END).ended;
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
        expect(stderr).toMatch(/broken\.ts[\s\S]*The build failed with exit code 1/);
        expect(stderr).not.toMatch(/set-up\.error|at async/);
      }
      await rm(join(checkout, 'src/broken.ts'));
      expect((await launch('start.js', END).ended).code).toBe(0);
    });

    it.each(['SIGTERM', 'SIGINT'] as const)('hands %s on once, and waits for the service', async (signal) => {
      // What comes a while later, as on a machine that is held up, is another wish.
      await inOneOf(5, async () => {
        const { child, output, ended } = launch('start.js');
        await eventually(() => expect(output.stdout).toContain('waiting'));
        // As it comes when a terminal and npm both send it.
        child.kill(signal);
        await sleep(50);
        child.kill(signal);
        const { code, stdout } = await ended;
        expect(code).toBe(41);
        expect(stdout.match(new RegExp(signal, 'g'))).toHaveLength(1);
      });
    });

    it('tells the death of a service by a signal as shells do', async () => {
      const { code } = await launch('start.js', { env: { END_WITH: 'SIGKILL' } }).ended;
      expect(code).toBe(137);
    });

    it('builds once for starts at the same moment, each of which says what it waits for', async () => {
      await removeBuild();
      // As if this process set the folder up, until all of them wait for it.
      const place = createHash('sha256')
        .update(`${await realpath(checkout)}/`)
        .digest('hex')
        .slice(0, 12);
      const lock = join(checkout, `llmq-set-up-${process.getuid!()}-${place}.lock`);
      await writeFile(lock, String(process.pid));
      const starts = [1, 2, 3].map(() => launch('start.js', END));
      const told = `process ${process.pid} is setting up this folder; waiting`;
      await eventually(() => {
        for (const { output } of starts) expect(output.stderr).toContain(told);
      });
      await rm(lock);
      const outputs = await Promise.all(starts.map(({ ended }) => ended));
      expect(outputs.map(({ code }) => code)).toEqual([0, 0, 0]);
      expect(outputs.filter(({ stderr }) => /› building/.test(stderr))).toHaveLength(1);
    });

    it('does not wait for a start that was killed', async () => {
      // It may be through before the kill arrives.
      await inOneOf(5, async () => {
        await removeBuild();
        const first = launch('start.js', END);
        await eventually(() => expect(first.output.stderr).toContain('building'), { everyMs: 1 });
        first.child.kill('SIGKILL');
        expect(await first.ended).toMatchObject({ code: null, stdout: '' });
      });
      expect((await launch('start.js', END).ended).code).toBe(0);
      expect((await readdir(checkout)).filter((name) => name.includes('.lock'))).toEqual([]);
    });

    it('brings the nats-server that a script asks for', async () => {
      const path = join(checkout, 'nats-server');
      await writeFile(path, '#!/bin/sh\necho "nats-server: v2.15.1"\n', { mode: 0o755 });
      const env = { END_WITH: '0', NATS_URL: '', NATS_SERVER_BIN: path };
      const asked = await launch('run.js', { args: ['--with-nats-server', 'dist/main.js', 'a'], env }).ended;
      expect(asked.stdout).toBe(`${JSON.stringify({ args: ['a'], nats: path })}\n`);
      expect(asked.stderr).toContain(`› nats-server 2.15.1 (NATS_SERVER_BIN): ${path}\n`);
      const refused = await launch('start.js', { env: { ...env, NATS_SERVER_BIN: '/nowhere' } }).ended;
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toMatch(/NATS_SERVER_BIN names a nats-server that can't be used/);
    });

    it('compiles the benchmark beside the service, with the sources that it imports', async () => {
      await mkdir(join(checkout, 'bench'));
      await mkdir(join(checkout, 'migrations'));
      await writeFile(join(checkout, 'src/answer.ts'), 'export const answer: number = 42;\n');
      await writeFile(
        join(checkout, 'bench/main.ts'),
        "import { answer } from '../src/answer.js';\nconsole.log(answer, process.argv[2]);\n",
      );
      const { code, stdout } = await launch('run.js', { args: ['bench/main.ts', 'quick'] }).ended;
      expect({ code, stdout }).toEqual({ code: 0, stdout: '42 quick\n' });
    });
  });

  describe('without packages', () => {
    beforeEach(async () => {
      await makeCheckout();
      await needOneLocalPackage();
    });
    afterEach(() => removeTempDir(checkout));

    const record = () => readFile(join(checkout, 'node_modules/.llmq-installed.json'), 'utf8');

    it('installs them first, and tells when the build tools are not among them', async () => {
      const { code, stdout, stderr } = await launch('start.js').ended;
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/› installing packages: there are none yet/);
      expect(stderr).toMatch(/› packages installed in \d+ s/);
      expect(stderr).toMatch(/The build tools are missing from node_modules/);
      expect(JSON.parse(await record())).toMatchObject({ platform: `${process.platform}-${process.arch}` });
    });

    it('installs again when the lock file has changed since, and only then', async () => {
      await launch('start.js').ended;
      const lock = join(checkout, 'package-lock.json');
      const later = (await stat(lock)).mtimeMs / 1000 + 3_600;
      await utimes(lock, later, later);
      expect((await launch('start.js').ended).stderr).not.toContain('installing');
      await writeFile(lock, `${await readFile(lock, 'utf8')}\n`);
      await utimes(lock, later, later);
      expect((await launch('start.js').ended).stderr).toContain(
        '› installing packages: package-lock.json is newer than the last installation',
      );
    });

    it('corrects a lock file that does not fit package.json', async () => {
      await addLocalPackage('other');
      await addDependency('other', 'file:other');
      const { stderr } = await launch('start.js').ended;
      expect(stderr).toMatch(/`npm ci` did not succeed; trying `npm install`/);
      expect(stderr).toContain('› packages installed');
      expect(await readdir(join(checkout, 'node_modules'))).toEqual(
        expect.arrayContaining(['local', 'other']),
      );
    });

    it('ends with 1 and what to do where npm fails', async () => {
      await addDependency('not-to-be-had', '1.0.0');
      const env = { npm_config_registry: 'http://127.0.0.1:1/', npm_config_fetch_retries: '0' };
      const { code, stdout, stderr } = await launch('start.js', { env }).ended;
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/The packages could not be installed: npm ended with exit code 1/);
    });
  });
});
