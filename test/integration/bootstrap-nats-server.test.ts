import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { download } from '../../scripts/nats-server/download.js';
import { pinRelease } from '../../scripts/nats-server/pin-release.js';
import { releaseSourceBy } from '../../scripts/nats-server/release.source.js';
import { PINNED_NATS_SERVER } from '../../scripts/nats-server/version.policy.js';
import { findNatsServer } from '../../scripts/nats-server-binary.js';
import { writeFakeNatsServer } from '../support/fake-nats-server.js';
import { type FileServer, type Served, serveFiles } from '../support/file-server.js';
import { machineTool } from '../support/machine-tool.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const STEM = `nats-server-v${PINNED_NATS_SERVER}-linux-amd64`;
const FOLDER = `/v${PINNED_NATS_SERVER}`;

// The stand-ins for nats-server are shell scripts.
const onUnix = process.platform === 'win32' ? describe.skip : describe;

onUnix('a nats-server', () => {
  let dir: string;
  let server: FileServer | null = null;
  let told: string[];

  beforeEach(async () => {
    dir = await makeTempDir('llmq-locator');
    told = [];
    // A PATH with what unpacking needs, and without this machine's own nats-server.
    await mkdir(join(dir, 'tools'));
    for (const tool of ['tar', 'gzip', 'curl']) {
      const path = machineTool(tool);
      if (path) await symlink(path, join(dir, 'tools', tool));
    }
  });

  afterEach(async () => {
    await server?.close();
    server = null;
    await removeTempDir(dir);
  });

  const search = (env: NodeJS.ProcessEnv = {}, path = '') => ({
    env: { PATH: [path, join(dir, 'tools')].filter(Boolean).join(delimiter), ...env },
    ...({ platform: 'linux', arch: 'x64' } as const),
    cacheDir: join(dir, 'cache'),
    log: (text: string) => void told.push(text),
  });

  const pathOf = (name: string) => join(dir, name, 'nats-server');

  /** Puts a server into the cache as an earlier start would have. */
  const cached = (version: string) =>
    writeFakeNatsServer(join(dir, `cache/nats-server/v${version}-linux-x64/nats-server`), version);

  /** A release of a server that says `version`, with its own list of checksums unless another is given. */
  const serveRelease = async ({
    version = PINNED_NATS_SERVER,
    files = {},
  }: {
    version?: string;
    files?: Record<string, Served>;
  }) => {
    await writeFakeNatsServer(join(dir, 'release', STEM, 'nats-server'), version);
    const archive = join(dir, `${STEM}.tar.gz`);
    await run('tar', ['-czf', archive, '-C', join(dir, 'release'), STEM]);
    const bytes = await readFile(archive);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    server = await serveFiles({
      [`${FOLDER}/SHA256SUMS`]: `${sha256}  ${STEM}.tar.gz\n`,
      [`${FOLDER}/${STEM}.tar.gz`]: bytes,
      ...files,
    });
    return {
      ...search({ LLMQ_NATS_DOWNLOAD_BASE: `${server.baseUrl}/` }),
      sources: [releaseSourceBy(join(dir, 'pins'))],
    };
  };

  const incomingFolders = async () =>
    (await readdir(join(dir, 'cache/nats-server'))).filter((name) => name.startsWith('incoming-'));

  describe('at hand', () => {
    it('is the one that NATS_SERVER_BIN names, before all others', async () => {
      await writeFakeNatsServer(pathOf('path'), '2.15.2');
      const chosen = await writeFakeNatsServer(pathOf('chosen'), '2.14.7');
      const found = await findNatsServer(search({ NATS_SERVER_BIN: chosen }, join(dir, 'path')));
      expect(found).toEqual({ path: chosen, version: '2.14.7', from: 'NATS_SERVER_BIN' });
    });

    it.each([
      ['is not there', null, /can't be used: `.*nowhere\/nats-server --version` is not on this machine/],
      ['is too old', '2.10.29', /version 2\.10\.29, which can lose acknowledged writes; 2\.14\.7 or newer/],
      ['is a preview', '2.15.0-preview.2', /version 2\.15\.0-preview\.2/],
      ['is no nats-server', 'x', /names no version/],
    ])('is refused, not passed over, where NATS_SERVER_BIN %s', async (_, version, reason) => {
      await writeFakeNatsServer(pathOf('path'), '2.15.2');
      const chosen = version === null ? pathOf('nowhere') : await writeFakeNatsServer(pathOf('own'), version);
      const looking = findNatsServer(search({ NATS_SERVER_BIN: chosen }, join(dir, 'path')));
      await expect(looking).rejects.toThrow(reason);
    });

    it('is one in the PATH before an earlier download', async () => {
      const inPath = await writeFakeNatsServer(pathOf('path'), '2.14.7');
      await cached('2.15.1');
      expect(await findNatsServer(search({}, join(dir, 'path')))).toMatchObject({
        path: inPath,
        from: 'PATH',
      });
    });

    it('is an earlier download where the one in the PATH is too old; of several the newest', async () => {
      await writeFakeNatsServer(pathOf('path'), '2.10.29');
      await cached('2.14.9');
      const newest = await cached('2.15.10');
      await cached('2.15.9');
      const found = await findNatsServer(search({}, join(dir, 'path')));
      expect(found).toMatchObject({ path: newest, version: '2.15.10', from: 'an earlier download' });
    });

    it('is asked of no source', async () => {
      await cached('2.15.1');
      const options = await serveRelease({});
      await findNatsServer(options);
      expect(server?.asked).toEqual([]);
    });
  });

  describe('from the release', () => {
    it('is downloaded, checked and kept for the next start', async () => {
      const options = await serveRelease({});
      const found = await findNatsServer(options);
      expect(found).toEqual({
        path: join(dir, `cache/nats-server/v${PINNED_NATS_SERVER}-linux-x64/nats-server`),
        version: PINNED_NATS_SERVER,
        from: `the official release ${PINNED_NATS_SERVER}`,
      });
      expect(await incomingFolders()).toEqual([]);
      expect(await findNatsServer(options)).toMatchObject({ path: found.path, from: 'an earlier download' });
      expect(server?.asked).toEqual([`${FOLDER}/SHA256SUMS`, `${FOLDER}/${STEM}.tar.gz`]);
    });

    it('is not used where it does not match its checksum', async () => {
      const options = await serveRelease({
        files: { [`${FOLDER}/SHA256SUMS`]: `${'0'.repeat(64)}  ${STEM}.tar.gz\n` },
      });
      await expect(findNatsServer(options)).rejects.toThrow(/does not match the release's SHA256SUMS/);
      expect(await readdir(join(dir, 'cache/nats-server'))).toEqual([]);
    });

    it('is held to the pinned checksum, whatever the list beside the download says', async () => {
      const options = await serveRelease({});
      await pinRelease(options.env, join(dir, 'pins'));
      expect(await findNatsServer(options)).toMatchObject({ version: PINNED_NATS_SERVER });
      expect(server?.asked.slice(1)).toEqual([`${FOLDER}/${STEM}.tar.gz`]);
    });

    it('is not used where it does not match the pinned checksum, though its own list names it', async () => {
      const options = await serveRelease({});
      await writeFile(join(dir, 'pins'), `${'0'.repeat(64)}  ${STEM}.tar.gz\n`);
      await expect(findNatsServer(options)).rejects.toThrow(
        /does not match the checksum that this repository/,
      );
      expect(await readdir(join(dir, 'cache/nats-server'))).toEqual([]);
    });

    it('is pinned only from a list that can be one', async () => {
      const options = await serveRelease({ files: { [`${FOLDER}/SHA256SUMS`]: '<html>' } });
      await writeFile(join(dir, 'pins'), 'as it was');
      await expect(pinRelease(options.env, join(dir, 'pins'))).rejects.toThrow('no archive');
      expect(await readFile(join(dir, 'pins'), 'utf8')).toBe('as it was');
    });

    it.each([
      ['has no list', { [`${FOLDER}/SHA256SUMS`]: 404 }, /SHA256SUMS: HTTP 404/],
      ['has no archive', { [`${FOLDER}/${STEM}.tar.gz`]: 503 }, /tar\.gz: HTTP 503/],
      ['names none', { [`${FOLDER}/SHA256SUMS`]: '' }, /names no archive nats-server-v.*-linux-amd64/],
    ])('is not there where the release %s', async (_, files, reason) => {
      const options = await serveRelease({ files });
      await expect(findNatsServer(options)).rejects.toThrow(reason);
      expect(await incomingFolders()).toEqual([]);
    });

    it('does not go into the cache where it does not run, or is another version', async () => {
      const options = await serveRelease({ version: '2.10.0' });
      await expect(findNatsServer(options)).rejects.toThrow(/version 2\.10\.0/);
      expect(await readdir(join(dir, 'cache/nats-server'))).toEqual([]);
    });

    it('is not there for a platform without a release', async () => {
      const options = { ...search(), sources: [releaseSourceBy()], platform: 'aix', arch: 'ppc64' } as const;
      await expect(findNatsServer(options)).rejects.toThrow('there is no release for aix on ppc64');
    });

    it('comes through the proxy that the environment names', async () => {
      if (machineTool('curl') === null) return;
      const options = await serveRelease({});
      const env = {
        ...options.env,
        http_proxy: server?.baseUrl,
        LLMQ_NATS_DOWNLOAD_BASE: 'http://releases.invalid',
      };
      expect(await findNatsServer({ ...options, env })).toMatchObject({ version: PINNED_NATS_SERVER });
      expect(server?.asked[0]).toBe(`http://releases.invalid${FOLDER}/SHA256SUMS`);
    });

    it('is whole for starts at the same moment', async () => {
      const { env } = await serveRelease({});
      const code = `
        import { findNatsServer } from ${JSON.stringify(resolve('scripts/nats-server-binary.js'))};
        import { releaseSourceBy } from ${JSON.stringify(resolve('scripts/nats-server/release.source.js'))};
        const sources = [releaseSourceBy(${JSON.stringify(join(dir, 'pins'))})];
        const found = await findNatsServer({ platform: 'linux', arch: 'x64', log: () => {}, sources });
        console.log(found.version, found.path);`;
      await writeFile(join(dir, 'find.mjs'), code);
      const processEnv = { ...env, LLMQ_CACHE_DIR: join(dir, 'cache') };
      const starts = Array.from({ length: 4 }, () =>
        run(process.execPath, [join(dir, 'find.mjs')], { env: processEnv }),
      );
      const path = join(dir, `cache/nats-server/v${PINNED_NATS_SERVER}-linux-x64/nats-server`);
      for (const { stdout } of await Promise.all(starts)) {
        expect(stdout).toBe(`${PINNED_NATS_SERVER} ${path}\n`);
      }
      expect(await readdir(join(dir, 'cache/nats-server'))).toEqual([`v${PINNED_NATS_SERVER}-linux-x64`]);
    });
  });

  describe('from a server that does not answer well', () => {
    const limits = { connectMs: 60_000, idleMs: 60_000 };

    it.each([
      ['stays silent', 'hang', { ...limits, connectMs: 300 }, /no answer within 0\.3 s/],
      [
        ...(['stops in the middle', { cut: 'a'.repeat(100) }, { ...limits, idleMs: 300 }] as const),
        /no further byte within 0\.3 s/,
      ],
    ] as const)('that %s, is given up soon', async (_, served, limits, reason) => {
      server = await serveFiles({ '/file': served });
      const loading = download(`${server.baseUrl}/file`, join(dir, 'file'), { env: {}, limits });
      await expect(loading).rejects.toThrow(reason);
    });

    it('that is not there, tells the reason', async () => {
      const loading = download('http://127.0.0.1:1/file', join(dir, 'file'), { env: {}, limits });
      await expect(loading).rejects.toThrow(/^http:\/\/127\.0\.0\.1:1\/file: .*(ECONNREFUSED|bad port)/);
    });
  });

  describe('that is nowhere', () => {
    it('tells all that was tried in its order, each with its reason, and what to do', async () => {
      await writeFakeNatsServer(pathOf('path'), '2.10.29');
      const asked: string[] = [];
      const failing = (name: string) => ({
        name,
        bring: () => {
          asked.push(name);
          return Promise.reject(new Error(`no ${name} today`));
        },
      });
      const options = { ...search({}, join(dir, 'path')), sources: [failing('first'), failing('second')] };
      const error = await findNatsServer(options).catch((reason: Error) => reason);
      expect(asked).toEqual(['first', 'second']);
      const message = (error as Error).message;
      expect(
        message
          .split('\n')
          .filter((line) => line.startsWith('  - '))
          .slice(0, 3),
      ).toEqual([
        expect.stringMatching(/^ {2}- PATH: .*2\.10\.29/),
        '  - first: no first today',
        '  - second: no second today',
      ]);
      for (const hint of ['NATS_SERVER_BIN', 'LLMQ_NATS_DOWNLOAD_BASE', 'NATS_URL', join(dir, 'cache')]) {
        expect(message).toContain(hint);
      }
      expect(told).toEqual(['not from first: no first today', 'not from second: no second today']);
    });
  });
});
