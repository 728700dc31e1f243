/** @typedef {(text: string) => void} Log */

/**
 * Says what the set-up does, on stderr: stdout belongs to the program that runs afterwards, and may go into a file.
 *
 * @type {Log}
 */
export function say(text) {
  process.stderr.write(`› ${text}\n`);
}

/** @param {number} sinceMs */
export function secondsSince(sinceMs) {
  return `${Math.max(1, Math.round((Date.now() - sinceMs) / 1000))} s`;
}
