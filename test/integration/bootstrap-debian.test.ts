import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianSource } from '../../scripts/nats-server/debian.source.js';
import { writeFakeNatsServer } from '../support/fake-nats-server.js';
import { type FileServer, type Served, serveFiles } from '../support/file-server.js';
import { machineTool } from '../support/machine-tool.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);

const onDebian = ['apt-get', 'apt-cache', 'apt-config', 'dpkg-deb'].every(machineTool)
  ? describe
  : describe.skip;

onDebian("a nats-server from the machine's Debian mirror", () => {
  let dir: string;
  let server: FileServer | null = null;
  let arch: string;

  beforeEach(async () => {
    dir = await makeTempDir('llmq-debian');
    arch = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
    for (const folder of ['sources.list.d', 'apt.conf.d', 'folder']) await mkdir(join(dir, folder));
  });

  afterEach(async () => {
    await server?.close();
    server = null;
    await removeTempDir(dir);
  });

  /** The files of one suite: an index that names one package, and the package. */
  const suiteWith = async (suite: string, version: string): Promise<Record<string, Served>> => {
    const root = join(dir, `package-${suite}`);
    await writeFakeNatsServer(join(root, 'usr/sbin/nats-server'), version.replace(/-.*/, ''));
    await mkdir(join(root, 'DEBIAN'));
    const control = `Package: nats-server\nVersion: ${version}\nArchitecture: ${arch}\nMaintainer: A <a@example.org>\nDescription: stand-in\n`;
    await writeFile(join(root, 'DEBIAN/control'), control);
    const name = `nats-server_${version}_${arch}.deb`;
    await run('dpkg-deb', ['--build', '--root-owner-group', root, join(dir, name)]);
    const deb = await readFile(join(dir, name));
    const packages = `${control}Filename: pool/${suite}/${name}\nSize: ${deb.length}\nSHA256: ${sha256(deb)}\n`;
    const index = `main/binary-${arch}/Packages`;
    const release = `Suite: ${suite}\nCodename: ${suite}\nComponents: main\nArchitectures: ${arch}\nSHA256:\n ${sha256(packages)} ${packages.length} ${index}\n`;
    return {
      [`/debian/dists/${suite}/Release`]: release,
      [`/debian/dists/${suite}/${index}`]: packages,
      [`/debian/pool/${suite}/${name}`]: deb,
    };
  };

  const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

  /** The environment of a machine whose apt reads its sources and settings from the test's folder. */
  const machine = async () => {
    await writeFile(
      join(dir, 'machine.conf'),
      [
        `Dir::Etc::sourcelist "${join(dir, 'sources.list')}";`,
        `Dir::Etc::sourceparts "${join(dir, 'sources.list.d')}";`,
        `Dir::Etc::parts "${join(dir, 'apt.conf.d')}";`,
        'Dir::Etc::main "/dev/null";',
      ].join('\n'),
    );
    const withoutProxy = Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name));
    return { ...Object.fromEntries(withoutProxy), APT_CONFIG: join(dir, 'machine.conf') };
  };

  const bring = async (log: (text: string) => void = () => {}) =>
    debianSource.bring({
      env: await machine(),
      platform: 'linux',
      arch: process.arch,
      folder: join(dir, 'folder'),
      log,
    });

  const deb822 = () =>
    `Types: deb\nURIs: ${server?.baseUrl}/debian\nSuites: bookworm bookworm-updates\nComponents: main\nTrusted: yes\n`;

  const versionOf = async (path: string) => (await run(path, ['--version'])).stdout.trim();

  it('is unpacked from Debian forky, for a machine with deb822 sources', async () => {
    server = await serveFiles(await suiteWith('forky', '2.15.1-1'));
    await writeFile(join(dir, 'sources.list.d/debian.sources'), deb822());
    const path = await bring();
    expect(path).toBe(join(dir, 'folder/nats-server'));
    expect(await versionOf(path)).toBe('nats-server: v2.15.1');
  });

  it("is sid's where forky's is too old, for a machine with one-line sources", async () => {
    server = await serveFiles({
      ...(await suiteWith('forky', '2.10.18-2')),
      ...(await suiteWith('sid', '2.15.2-1')),
    });
    await writeFile(
      join(dir, 'sources.list'),
      `deb [trusted=yes] ${server.baseUrl}/debian bookworm main contrib\n`,
    );
    const told: string[] = [];
    expect(await versionOf(await bring((text) => told.push(text)))).toBe('nats-server: v2.15.2');
    expect(told.map((text) => /Debian (\w+)/.exec(text)?.[1])).toEqual(['forky', 'sid']);
    expect(server.asked.filter((path) => path.endsWith('.deb'))).toEqual([
      expect.stringMatching(/\/pool\/sid\//),
    ]);
  });

  it("runs none of the machine's hooks, but keeps its settings", async () => {
    server = await serveFiles(await suiteWith('forky', '2.15.1-1'));
    await writeFile(
      join(dir, 'sources.list.d/debian.sources'),
      deb822().replace(server.baseUrl, 'http://mirror'),
    );
    const hook = join(dir, 'hook-ran');
    await writeFile(
      join(dir, 'apt.conf.d/99machine'),
      `APT::Update::Post-Invoke { "touch ${hook}"; };\nAcquire::http::Proxy "${server.baseUrl}";\n`,
    );
    expect(await versionOf(await bring())).toBe('nats-server: v2.15.1');
    expect(server.asked[0]).toMatch(/^http:\/\/mirror\/debian\/dists\/forky\//);
    await expect(access(hook)).rejects.toThrow('ENOENT');
  });

  it('is not taken from an archive that nobody signed', async () => {
    server = await serveFiles(await suiteWith('forky', '2.15.1-1'));
    await writeFile(join(dir, 'sources.list.d/debian.sources'), deb822().replace('Trusted: yes\n', ''));
    await expect(bring()).rejects.toThrow(/not signed/);
  });

  it("is not there, with each suite's reason, where neither has one that is new enough", async () => {
    server = await serveFiles(await suiteWith('forky', '2.15.0~preview.1-1'));
    await writeFile(join(dir, 'sources.list.d/debian.sources'), deb822());
    await expect(bring()).rejects.toThrow(/forky has 2\.15\.0~preview\.1-1, older than 2\.14\.7; .*sid/s);
  });

  it("is not there where the machine's apt knows no archive of Debian's", async () => {
    await writeFile(join(dir, 'sources.list'), 'deb http://archive.example.org/ubuntu noble main\n');
    await expect(bring()).rejects.toThrow("this machine's apt has no source of Debian's own");
  });
});
