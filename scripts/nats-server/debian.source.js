import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { runTool } from '../run-tool.js';
import { listWithSuite, sourcesWithSuite } from './apt-sources.policy.js';
import { compareVersions, isNewEnough, LOWEST_NATS_SERVER, parseVersion } from './version.policy.js';

/** Debian's next release before its unstable one. */
const SUITES = ['forky', 'sid'];

/**
 * @param {string} path
 * @returns {Promise<string[]>} the files in it, as paths; none where it can't be read
 */
async function filesIn(path) {
  const names = await readdir(path).catch(() => []);
  return names.sort().map((name) => join(path, name));
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ sourceFiles: string[], configFiles: string[] }>} what this machine's apt reads
 */
async function machineFiles(env) {
  const keys = ['SRC', 'Dir::Etc::sourcelist/f', 'SRCPARTS', 'Dir::Etc::sourceparts/d'];
  const more = ['MAIN', 'Dir::Etc::main/f', 'PARTS', 'Dir::Etc::parts/d'];
  const answer = await runTool('apt-config', ['shell', ...keys, ...more], { env });
  const at = (/** @type {string} */ name) => new RegExp(`^${name}='(.*)'$`, 'm').exec(answer)?.[1] ?? '';
  return {
    sourceFiles: [at('SRC'), ...(await filesIn(at('SRCPARTS')))],
    configFiles: [...(await filesIn(at('PARTS'))), at('MAIN')],
  };
}

/**
 * Copies what this machine's apt is configured with (proxies and certificates above all), and then takes away what
 * would reach out of the folder: where apt keeps its lists, and the hooks that run after it.
 *
 * @param {string} folder
 * @param {readonly string[]} configFiles
 * @returns {Promise<string>} for `APT_CONFIG`
 */
async function writePrivateConfig(folder, configFiles) {
  const parts = join(folder, 'apt.conf.d');
  for (const path of [parts, join(folder, 'lists/partial'), join(folder, 'cache/archives/partial')]) {
    await mkdir(path, { recursive: true });
  }
  for (const [index, file] of configFiles.entries()) {
    // What this user may not read, apt would not read either.
    const name = `${String(index).padStart(3, '0')}-${basename(file).replaceAll(/[^A-Za-z0-9_-]/g, '_')}`;
    await copyFile(file, join(parts, name)).catch(() => {});
  }
  await writeFile(
    join(parts, 'zz-private'),
    [
      '#clear APT::Update::Pre-Invoke;',
      '#clear APT::Update::Post-Invoke;',
      '#clear APT::Update::Post-Invoke-Success;',
      '#clear Acquire::IndexTargets;',
      'Acquire::IndexTargets::deb::Packages::MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";',
      'Acquire::IndexTargets::deb::Packages::ShortDescription "Packages";',
      'Acquire::IndexTargets::deb::Packages::Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";',
      'Acquire::IndexTargets::deb::Packages::flatMetaKey "Packages";',
      'Acquire::IndexTargets::deb::Packages::flatDescription "$(RELEASE) Packages";',
      'Acquire::IndexTargets::deb::Packages::Optional "no";',
      'Acquire::Languages "none";',
      'Acquire::Retries "1";',
      'Acquire::http::Timeout "20";',
      'Acquire::https::Timeout "20";',
      'Dir::Etc::sourcelist "/dev/null";',
      `Dir::Etc::sourceparts "${folder}/sources";`,
      'Dir::Etc::preferences "/dev/null";',
      'Dir::Etc::preferencesparts "/dev/null";',
      `Dir::State "${folder}";`,
      `Dir::State::lists "${folder}/lists";`,
      `Dir::State::status "${folder}/status";`,
      `Dir::Cache "${folder}/cache";`,
      `Dir::Cache::archives "${folder}/cache/archives";`,
      '',
    ].join('\n'),
  );
  // apt reads the file in APT_CONFIG before the parts, and would read the machine's own parts and main file after it.
  const config = join(folder, 'apt.conf');
  await writeFile(config, `Dir::Etc::parts "${parts}";\nDir::Etc::main "/dev/null";\n`);
  await writeFile(join(folder, 'status'), '');
  return config;
}

/**
 * @param {string} folder
 * @param {readonly string[]} sourceFiles
 * @param {string} suite
 */
async function writeSources(folder, sourceFiles, suite) {
  /** @type {string[]} */
  const lines = [];
  /** @type {string[]} */
  const stanzas = [];
  for (const file of sourceFiles) {
    const content = await readFile(file, 'utf8').catch(() => '');
    if (file.endsWith('.list')) lines.push(...listWithSuite(content, suite));
    if (file.endsWith('.sources')) stanzas.push(...sourcesWithSuite(content, suite));
  }
  if (lines.length + stanzas.length === 0)
    throw new Error("this machine's apt has no source of Debian's own");
  await mkdir(join(folder, 'sources'), { recursive: true });
  await writeFile(join(folder, 'sources', 'debian.list'), `${[...new Set(lines)].join('\n')}\n`);
  await writeFile(join(folder, 'sources', 'debian.sources'), `${[...new Set(stanzas)].join('\n\n')}\n`);
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} suite
 * @returns {Promise<string>} the package's version in this suite, as apt writes it
 */
async function newestPackage(env, suite) {
  const table = await runTool('apt-cache', ['madison', 'nats-server'], { env });
  const offers = [...table.matchAll(/^\s*nats-server\s*\|\s*(\S+)\s*\|/gm)].flatMap(([, text = '']) => {
    const version = parseVersion(upstreamOf(text));
    return version === null ? [] : [{ text, version }];
  });
  const newest = offers.sort((a, b) => compareVersions(b.version, a.version))[0];
  if (newest === undefined) throw new Error(`${suite} has no package nats-server`);
  if (!isNewEnough(newest.version))
    throw new Error(`${suite} has ${newest.text}, older than ${LOWEST_NATS_SERVER}`);
  return newest.text;
}

/** @param {string} debianVersion `1:2.15.0~rc1-2` is the second packaging of the upstream's `2.15.0-rc1` */
function upstreamOf(debianVersion) {
  return debianVersion
    .replace(/^\d+:/, '')
    .replace(/-[^-]*$/, '')
    .replace('~', '-');
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} folder
 * @param {readonly string[]} sourceFiles
 * @param {string} suite
 */
async function bringFromSuite(env, folder, sourceFiles, suite) {
  await writeSources(folder, sourceFiles, suite);
  const minutes = (/** @type {number} */ count) => ({ env, cwd: folder, timeoutMs: count * 60_000 });
  await runTool('apt-get', ['update', '-q', '-o', 'APT::Update::Error-Mode=any'], minutes(5));
  const version = await newestPackage(env, suite);
  await runTool('apt-get', ['download', '-q', `nats-server=${version}`], minutes(5));
  const deb = (await readdir(folder)).find((name) => name.endsWith('.deb'));
  if (!deb) throw new Error(`apt-get downloaded no package from ${suite}`);
  await runTool('dpkg', ['-x', deb, 'unpacked'], minutes(1));
  for (const path of ['unpacked/usr/sbin/nats-server', 'unpacked/usr/bin/nats-server']) {
    if (await stat(join(folder, path)).catch(() => null)) return join(folder, path);
  }
  throw new Error(`there is no nats-server in ${deb}`);
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} work an empty folder
 * @param {import('../progress.js').Log} log
 * @returns {Promise<string>}
 */
async function bringFromAnySuite(env, work, log) {
  const { sourceFiles, configFiles } = await machineFiles(env);
  const config = await writePrivateConfig(work, configFiles);
  const privately = { ...env, APT_CONFIG: config, LC_ALL: 'C' };
  /** @type {string[]} */
  const reasons = [];
  for (const suite of SUITES) {
    log(`looking for nats-server in Debian ${suite} on this machine's mirror (nothing is installed)`);
    try {
      return await bringFromSuite(privately, work, sourceFiles, suite);
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error([...new Set(reasons)].join('; '));
}

/** @type {import('./source.js').NatsServerSource['bring']} */
async function bring({ env, platform, folder, log }) {
  if (platform !== 'linux') throw new Error('only for Debian');
  await runTool('apt-get', ['--version'], { env });
  // Not in the cache: as root, apt downloads as a user of its own, who can't get into root's home.
  const work = await mkdtemp(join(tmpdir(), 'llmq-apt-'));
  try {
    await chmod(work, 0o755);
    const executable = join(folder, 'nats-server');
    await copyFile(await bringFromAnySuite(env, work, log), executable);
    return executable;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * The package of a newer Debian from the mirror that this machine already trusts: downloaded and unpacked, not
 * installed. apt checks the archive's signature as always, and runs on lists and settings of its own.
 */
export const debianSource = { name: "Debian's package, from this machine's mirror", bring };
