import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { runInForeground } from './child-process.js';
import { say, secondsSince } from './progress.js';
import { inProject } from './project.js';
import { SetUpError } from './set-up.error.js';
import { decideInstall } from './staleness.policy.js';

const LOCK_FILE = inProject('package-lock.json');
const MODULES = inProject('node_modules');
/** In `node_modules`, so that it goes when they go: `npm ci` empties the folder before it installs. */
const RECORD = inProject('node_modules', '.llmq-installed.json');
/** npm writes it last. */
const NPM_FINISHED = inProject('node_modules', '.package-lock.json');

const PLATFORM = `${process.platform}-${process.arch}`;

function lockHash() {
  return createHash('sha256').update(readFileSync(LOCK_FILE)).digest('hex');
}

/** @returns {{ lockHash: string, platform: string } | null} */
function readRecord() {
  try {
    return JSON.parse(readFileSync(RECORD, 'utf8'));
  } catch {
    return null;
  }
}

/** @returns {import('./staleness.policy.js').InstallFacts} */
function installFacts() {
  return {
    hasModules: existsSync(MODULES),
    record: readRecord(),
    lock: { hash: lockHash(), mtimeMs: statSync(LOCK_FILE).mtimeMs },
    npmFinishedMs: statSync(NPM_FINISHED, { throwIfNoEntry: false })?.mtimeMs ?? null,
    platform: PLATFORM,
  };
}

/**
 * `npm_execpath` names the package manager that runs us, which need not be npm. On Windows `npm` is a script, and only
 * a shell starts it.
 *
 * @param {readonly string[]} args
 */
function npm(args) {
  const options = {
    cwd: inProject(),
    // npm writes on our stderr: stdout belongs to the program that runs afterwards.
    stdio: /** @type {import('node:child_process').StdioOptions} */ (['ignore', process.stderr, 'inherit']),
  };
  const running = process.env['npm_execpath'] ?? '';
  if (basename(running) === 'npm-cli.js') {
    return runInForeground(process.execPath, [running, ...args], options);
  }
  return runInForeground('npm', args, { ...options, shell: process.platform === 'win32' });
}

/** The build needs the development packages, also where `NODE_ENV=production` would leave them out. */
const QUIETLY = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];

/** @param {'clean-install' | 'update'} kind */
async function install(kind) {
  if (kind === 'clean-install') {
    const code = await npm(['ci', ...QUIETLY]);
    if (code === 0 || code > 128) return code;
    say('`npm ci` did not succeed; trying `npm install`, which may correct package-lock.json');
  }
  return await npm(['install', ...QUIETLY]);
}

/**
 * Installs the packages of `package-lock.json` unless they are there already.
 *
 * @throws {SetUpError} where npm fails
 */
export async function ensurePackages() {
  const decision = decideInstall(installFacts());
  if (decision.kind === 'fresh') return;

  say(`installing packages: ${decision.why} (the first time takes a minute or two)`);
  const startedMs = Date.now();
  const reminder = setInterval(() => say(`still installing packages (${secondsSince(startedMs)})`), 15_000);
  try {
    const code = await install(decision.kind);
    if (code > 128) throw new SetUpError('The installation of packages was interrupted.');
    if (code !== 0) {
      throw new SetUpError(
        `The packages could not be installed: npm ended with exit code ${code}, its own words are above. Check that ` +
          'the npm registry can be reached (`npm ping`) and that there is space on the disk, then run the same ' +
          'command again.',
      );
    }
  } finally {
    clearInterval(reminder);
  }
  writeFileSync(RECORD, JSON.stringify({ lockHash: lockHash(), platform: PLATFORM }));
  say(`packages installed in ${secondsSince(startedMs)}`);
}
