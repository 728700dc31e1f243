/**
 * A place that a nats-server can be brought from.
 *
 * @typedef {{
 *   env: NodeJS.ProcessEnv,
 *   platform: NodeJS.Platform,
 *   arch: string,
 *   folder: string,
 *   log: import('../progress.js').Log,
 * }} Order
 *   `platform` and `arch` as Node names them; `folder` is empty, for the source alone, and removed afterwards
 *
 * @typedef {{
 *   name: string,
 *   bring: (order: Order) => Promise<string>,
 * }} NatsServerSource
 *   `bring` resolves to the executable's path within the order's folder, not yet tried out; it throws an `Error` whose
 *   message is the reason why this place has none
 */

/**
 * @param {NodeJS.Platform} platform
 */
export function executableName(platform) {
  return platform === 'win32' ? 'nats-server.exe' : 'nats-server';
}
