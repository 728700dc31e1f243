import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { serviceEnvironment } from '../scripts/service-process.policy.js';

/** The compiled root: `bench` and `src` lie beside each other in it. */
const ROOT = resolve(import.meta.dirname, '..');

export interface BenchChild {
  readonly pid: number;
  /** What the pattern's first group matched on standard output. */
  readonly matched: string;
  stop(): Promise<void>;
}

/**
 * Starts a compiled script and waits until its standard output matches. Its errors go to ours.
 * @throws {Error} when it ends before
 */
export async function startChild(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  pattern: RegExp,
  nodeArgs: readonly string[] = [],
): Promise<BenchChild> {
  const child = spawn(process.execPath, [...nodeArgs, resolve(ROOT, script), ...args], {
    env: serviceEnvironment({ ...process.env, ...env }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const matched = await firstMatch(child, pattern);
  return {
    pid: child.pid!,
    matched,
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

/** Runs a compiled script to its end; it prints its result as one line of JSON. */
export async function runForJson<T>(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<T> {
  const child = await startChild(script, args, env, /^(\{.*\})$/m);
  return JSON.parse(child.matched) as T;
}

function firstMatch(child: ChildProcess, pattern: RegExp): Promise<string> {
  let output = '';
  return new Promise((settle, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`It ended with ${code ?? signal}: ${output}`)));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const match = pattern.exec(output);
      if (match !== null) settle(match[1] ?? match[0]);
    });
  });
}

/**
 * A process of the service; `env` says its roles and what it rests on.
 *
 * @param main its compiled entry; another checkout's, to compare with that
 * @param nodeArgs for Node itself, such as `--cpu-prof`
 */
export function startServiceChild(
  env: NodeJS.ProcessEnv,
  main = 'src/main.js',
  nodeArgs: readonly string[] = [],
): Promise<BenchChild> {
  const quiet = { SERVER_PORT: '0', LOGGING_LEVEL: 'error', ...env };
  return startChild(main, [], quiet, /ready at (http:\/\/\S+)/, nodeArgs);
}
