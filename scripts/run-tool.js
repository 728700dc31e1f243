import { execFile } from 'node:child_process';
import { toolEnvironment } from './child-environment.policy.js';

/** The end of a tool's words is where the reason stands. */
const LAST_CHARACTERS = 400;

/**
 * Runs a program to its end, without a shell, without input, and with what a tool needs of the environment.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, timeoutMs?: number }} [options]
 * @returns {Promise<string>} what it wrote on stdout
 * @throws {Error} with one line: what was run, and the end of what it said on stderr
 */
export function runTool(command, args, { env, cwd, timeoutMs = 60_000 } = {}) {
  return new Promise((resolve, reject) => {
    const options = {
      env: toolEnvironment(env ?? process.env),
      cwd,
      timeout: timeoutMs,
      maxBuffer: 64 * 1024 * 1024,
    };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      reject(new Error(`\`${command} ${args[0] ?? ''}\` ${reasonOf(error, stderr, timeoutMs)}`));
    });
    child.stdin?.end();
  });
}

/**
 * @param {import('node:child_process').ExecFileException} error
 * @param {string} stderr
 * @param {number} timeoutMs
 */
function reasonOf(error, stderr, timeoutMs) {
  if (error.code === 'ENOENT') return 'is not on this machine';
  if (error.code === 'EACCES') return 'may not be run by this user';
  if (error.killed) return `did not end within ${Math.round(timeoutMs / 1000)} s`;
  const words = stderr.trim().replaceAll(/\s+/g, ' ').slice(-LAST_CHARACTERS);
  return `ended with ${error.code ?? error.signal}${words ? `: ${words}` : ''}`;
}
