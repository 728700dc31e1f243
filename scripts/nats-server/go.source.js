import { join } from 'node:path';
import { runTool } from '../run-tool.js';
import { executableName } from './source.js';
import { PINNED_NATS_SERVER } from './version.policy.js';

const MODULE = `github.com/nats-io/nats-server/v2@v${PINNED_NATS_SERVER}`;

/** Where Go's own installers put it, which not every shell has in its PATH. */
const USUAL_PLACES = ['/usr/local/go/bin/go', '/opt/homebrew/bin/go', 'C:\\Program Files\\Go\\bin\\go.exe'];

/** @param {NodeJS.ProcessEnv} env */
async function findGo(env) {
  for (const go of ['go', ...USUAL_PLACES]) {
    const version = await runTool(go, ['version'], { env }).catch(() => null);
    if (version !== null) return go;
  }
  throw new Error('Go is not on this machine');
}

/** @type {import('./source.js').NatsServerSource['bring']} */
async function bring({ env, platform, folder, log }) {
  const go = await findGo(env);
  log(`compiling ${MODULE} with Go (a minute or two)`);
  // GOOS and GOARCH may be set to compile for elsewhere; this one is for here. `go install` refuses GOBIN with them.
  const { GOOS: _os, GOARCH: _arch, ...here } = env;
  await runTool(go, ['install', '-trimpath', MODULE], {
    env: { ...here, GOBIN: folder, CGO_ENABLED: '0' },
    timeoutMs: 15 * 60_000,
  });
  return join(folder, executableName(platform));
}

/** The pinned version from Go's module proxy, whose checksums Go itself verifies. */
export const goSource = { name: `\`go install\` of ${PINNED_NATS_SERVER}`, bring };
