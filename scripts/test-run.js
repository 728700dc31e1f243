import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInForeground } from './child-process.js';
import { closingLine } from './closing-line.policy.js';
import { say } from './progress.js';
import { inProject } from './project.js';
import { setUp } from './set-up.js';

const LONG_CHAOS = '--long-chaos';

/** Each may start servers of its own. */
const MOST_WORKERS = 5;

/** What tells the service where to run; tests run on servers and ports of their own. */
const SETTINGS_OF_A_SERVICE = [
  'NATS_URL',
  'DATABASE_URL',
  'LLMQ_CONFIG',
  'LLMQ_DATA_DIR',
  'LLMQ_ROLES',
  'SERVER_HOST',
  'SERVER_PORT',
];

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {{ folder: string, countsFile: string, rounds: number }} run  `folder` is for what its test files share
 * @returns {NodeJS.ProcessEnv}
 */
function testEnvironment(env, { folder, countsFile, rounds }) {
  const own = Object.entries(env).filter(([name]) => !SETTINGS_OF_A_SERVICE.includes(name));
  return {
    LLMQ_CHAOS_ROUNDS: String(rounds),
    ...Object.fromEntries(own),
    LLMQ_TEST_COUNTS: countsFile,
    LLMQ_TEST_RUN_DIR: folder,
  };
}

/**
 * @param {readonly string[]} args of the user, for jest
 * @param {readonly string[]} projects
 */
function jestArguments(args, projects) {
  const selected = args.some((arg) => arg.startsWith('--selectProjects'));
  return [
    // Jest loads ES modules through it; the switch's own warning says nothing to the reader of test results.
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    inProject('node_modules', 'jest', 'bin', 'jest.js'),
    // Jest itself takes one less than there are cores, while most tests wait for servers and deadlines most of the time.
    ...(args.some((arg) => /^(-w|-i|--maxWorkers|--runInBand)/.test(arg))
      ? []
      : [`--maxWorkers=${Math.min(availableParallelism(), MOST_WORKERS - 1) + 1}`]),
    ...args,
    '--reporters=default',
    `--reporters=${inProject('scripts', 'jest-counts.reporter.js')}`,
    `--reporters=${inProject('scripts', 'jest-end.reporter.js')}`,
    // Last, for it takes every word after it as a project's name.
    ...(selected ? [] : ['--selectProjects', ...projects]),
  ];
}

/**
 * @param {string} file
 * @returns {import('./closing-line.policy.js').TestCounts | null}
 */
function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * Sets up what is missing and runs the tests; the last line on stdout holds the counts.
 *
 * @param {readonly string[]} args for jest; `--long-chaos` takes the kill tests alone, with many rounds
 * @returns {Promise<number>} jest's exit code
 * @throws {import('./set-up.error.js').SetUpError}
 */
export async function runTests(args) {
  const longChaos = args.includes(LONG_CHAOS);
  const env = await setUp({ build: true, natsServer: true });
  const folder = mkdtempSync(join(tmpdir(), 'llmq-test-run-'));
  const countsFile = join(folder, 'counts.json');
  try {
    say(longChaos ? 'running the long kill rounds' : 'running the tests');
    const projects = longChaos ? ['chaos'] : ['unit', 'integration', 'e2e', 'chaos'];
    const forJest = jestArguments(
      args.filter((arg) => arg !== LONG_CHAOS),
      projects,
    );
    const code = await runInForeground(process.execPath, forJest, {
      cwd: inProject(),
      env: testEnvironment(env, { folder, countsFile, rounds: longChaos ? 20 : 3 }),
    });
    console.log(closingLine(readCounts(countsFile), code));
    return code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
