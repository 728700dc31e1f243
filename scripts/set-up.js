import { ensureBuilt } from './compiled-service.js';
import { findNatsServer } from './nats-server-binary.js';
import { ensurePackages } from './packages.js';
import { say } from './progress.js';
import { isCheckout } from './project.js';
import { whileNobodyElseSetsUp } from './set-up-lock.js';

/**
 * Brings a checkout to where it can run: packages, then the build, then a nats-server. What is there already is left
 * alone, and nothing is said about it.
 *
 * @param {{ build: boolean, natsServer: boolean, quietly?: boolean }} needs `quietly`: nothing is said of a server that is there
 * @returns {Promise<NodeJS.ProcessEnv>} the environment for what runs next, with NATS_SERVER_BIN where one was needed
 * @throws {import('./set-up.error.js').SetUpError}
 */
export async function setUp({ build, natsServer, quietly = false }) {
  if (isCheckout())
    await whileNobodyElseSetsUp(async () => {
      await ensurePackages();
      if (build) await ensureBuilt();
    });
  if (!natsServer) return process.env;
  const { path, version, from } = await findNatsServer();
  if (!quietly) say(`nats-server ${version} (${from}): ${path}`);
  return { ...process.env, NATS_SERVER_BIN: path };
}
