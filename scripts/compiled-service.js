import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { toolEnvironment } from './child-environment.policy.js';
import { runInForeground } from './child-process.js';
import { say, secondsSince } from './progress.js';
import { inProject } from './project.js';
import { SetUpError } from './set-up.error.js';
import { decideBuild } from './staleness.policy.js';

/** What decides about the output, as paths in the project. */
const INPUTS = ['src', 'nest-cli.json', '.swcrc', 'tsconfig.json'];
/** In `dist`, so that it goes when the build empties the folder: a build that is cut short leaves none. */
const RECORD = inProject('dist', '.built-from.json');
const MAIN = inProject('dist', 'main.js');

/** stderr for the compiler's words: stdout belongs to the program that runs afterwards. */
const ON_STDERR = /** @type {import('node:child_process').StdioOptions} */ ([
  'ignore',
  process.stderr,
  'inherit',
]);

/**
 * @param {string} path
 * @returns {string[]} the files under it, or the file itself
 */
function filesUnder(path) {
  if (!statSync(inProject(path)).isDirectory()) return [path];
  return readdirSync(inProject(path)).flatMap((name) => filesUnder(`${path}/${name}`));
}

/** @returns {string} of names, sizes and times; reading every file would take longer than the rest of a start */
function sourceFingerprint() {
  const hash = createHash('sha256');
  const files = INPUTS.flatMap(filesUnder).filter((path) => !path.endsWith('.spec.ts'));
  for (const path of files.sort()) {
    const { size, mtimeMs } = statSync(inProject(path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** @returns {string | null} */
function recordedFingerprint() {
  try {
    return JSON.parse(readFileSync(RECORD, 'utf8')).fingerprint;
  } catch {
    return null;
  }
}

/**
 * @param {string} tool path of its script in `node_modules`
 * @param {readonly string[]} args
 */
async function compile(tool, args) {
  const script = inProject('node_modules', tool);
  if (!existsSync(script)) {
    throw new SetUpError(
      'The build tools are missing from node_modules; development packages were probably left out of the last ' +
        'installation. Run `npm ci --include=dev` and the same command again.',
    );
  }
  const code = await runInForeground(process.execPath, [script, ...args], {
    cwd: inProject(),
    env: toolEnvironment(process.env),
    stdio: ON_STDERR,
  });
  if (code !== 0) {
    throw new SetUpError(`The build failed with exit code ${code}; the compiler's words are above.`);
  }
}

/**
 * Compiles `src` into `dist`.
 *
 * @throws {SetUpError}
 */
export async function build() {
  const startedMs = Date.now();
  // Taken before the compiler reads: a file saved while it runs makes the next start build again.
  const fingerprint = sourceFingerprint();
  await compile('@nestjs/cli/bin/nest.js', ['build']);
  if (!existsSync(MAIN)) {
    throw new SetUpError(
      'The build ended without an error but left no dist/main.js; check nest-cli.json and .swcrc.',
    );
  }
  writeFileSync(RECORD, JSON.stringify({ fingerprint }));
  say(`built in ${secondsSince(startedMs)}`);
}

/**
 * Builds where sources changed since the last finished build.
 *
 * @throws {SetUpError}
 */
export async function ensureBuilt() {
  const decision = decideBuild({
    recorded: recordedFingerprint(),
    current: sourceFingerprint(),
    hasOutput: existsSync(MAIN),
  });
  if (decision.kind === 'fresh') return;
  say(`building: ${decision.why}`);
  await build();
}

/**
 * Compiles the benchmark with the sources that it imports, into a folder of its own: it is TypeScript outside `src`,
 * and no part of the service.
 *
 * @param {string} script such as `bench/main.ts`
 * @returns {Promise<string>} what to run
 * @throws {SetUpError}
 */
export async function compileBench(script) {
  if (!existsSync(inProject(script))) throw new SetUpError(`There is no ${script}.`);
  const out = 'dist/.bench';
  say('building the benchmark');
  rmSync(inProject(out), { recursive: true, force: true });
  await compile('@swc/cli/bin/swc.js', ['src', 'scripts', 'bench', 'test', '-d', out, '--quiet']);
  // Plain files beside the sources, found from the compiled code by the same relative path.
  cpSync(inProject('migrations'), inProject(out, 'migrations'), { recursive: true });
  return inProject(out, script.replace(/\.ts$/, '.js'));
}
