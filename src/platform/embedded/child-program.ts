import { type ExecFileOptions, execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { childEnvironment } from '../../../scripts/child-environment.policy.js';

const exec = promisify(execFile);

/** What the programs of this folder are started with: the keys of the service's environment are not for them. */
export function programEnvironment(own: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...childEnvironment(process.env), ...own };
}

type Options = Pick<ExecFileOptions, 'cwd' | 'uid' | 'gid' | 'env' | 'windowsHide'>;

/**
 * Runs a program to its end.
 *
 * @param options `env` goes on top of what every program gets
 * @throws {Error} when it can't be run, or ends with another code than 0
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { env, ...options }: Options = {},
): Promise<{ readonly stdout: string }> {
  return exec(program, args, { ...options, env: programEnvironment(env) });
}
