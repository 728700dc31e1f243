import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { SetUpError } from './set-up.error.js';

/** @type {NodeJS.Signals[]} */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * A terminal's Ctrl-C reaches the whole process group, npm hands it on to us, and we hand it on again: within this
 * time the same signal is one wish, not several.
 */
const ONE_WISH_MS = 500;

/**
 * SIGTERM to `npm start` ends npm and its shell, which do not hand it on: then this process has another parent, and
 * nobody is left who could stop the service. (Windows tells no new parent; there nothing happens.)
 */
const PARENT_CHECK_MS = 500;

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {() => void} stops the forwarding
 */
function forwardSignals(child) {
  /** @type {Map<NodeJS.Signals, number>} */
  const sentAt = new Map();
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    const now = Date.now();
    if (now - (sentAt.get(signal) ?? 0) < ONE_WISH_MS) return;
    sentAt.set(signal, now);
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  const parent = process.ppid;
  const orphaned = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(orphaned);
    forward('SIGTERM');
  }, PARENT_CHECK_MS);
  return () => {
    clearInterval(orphaned);
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}

/**
 * Runs a program in the foreground until it ends; signals to this process are handed to it.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, stdio?: import('node:child_process').StdioOptions, shell?: boolean }} [options]
 *   `stdio` is inherited by default
 * @returns {Promise<number>} its exit code; 128 + the signal's number where a signal ended it, as shells do
 * @throws {SetUpError} where it can't be started
 */
export function runInForeground(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    const stopForwarding = forwardSignals(child);
    child.on('error', (error) => {
      stopForwarding();
      reject(new SetUpError(`${command} can't be started: ${error.message}.`));
    });
    child.on('close', (code, signal) => {
      stopForwarding();
      resolve(signal ? 128 + constants.signals[signal] : (code ?? 1));
    });
  });
}
