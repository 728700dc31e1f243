import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { goSource } from '../../scripts/nats-server/go.source.js';
import { PINNED_NATS_SERVER } from '../../scripts/nats-server/version.policy.js';
import { type FileServer, serveFiles } from '../support/file-server.js';
import { machineTool } from '../support/machine-tool.js';
import { storedZip } from '../support/stored-zip.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const MODULE = 'github.com/nats-io/nats-server/v2';
const AT = `/${MODULE}/@v/v${PINNED_NATS_SERVER}`;
const GO_MOD = `module ${MODULE}\n\ngo 1.20\n`;

const withGo = (machineTool('go') ?? machineTool('/usr/local/go/bin/go')) ? describe : describe.skip;

// A module proxy with a stand-in for the broker: the broker itself takes minutes to compile.
withGo('a nats-server by `go install`', () => {
  let dir: string;
  let server: FileServer;

  beforeEach(async () => {
    dir = await makeTempDir('llmq-go');
    const main = `package main\n\nimport "os"\n\nfunc main() { os.Stdout.WriteString("nats-server: v${PINNED_NATS_SERVER}\\n") }\n`;
    const inZip = `${MODULE}@v${PINNED_NATS_SERVER}`;
    server = await serveFiles({
      [`/${MODULE}/@v/list`]: `v${PINNED_NATS_SERVER}\n`,
      [`${AT}.info`]: JSON.stringify({ Version: `v${PINNED_NATS_SERVER}` }),
      [`${AT}.mod`]: GO_MOD,
      [`${AT}.zip`]: storedZip({ [`${inZip}/go.mod`]: GO_MOD, [`${inZip}/main.go`]: main }),
    });
  });

  afterEach(async () => {
    await server.close();
    await removeTempDir(dir);
  });

  const bring = (env: NodeJS.ProcessEnv) =>
    goSource.bring({
      env: {
        ...process.env,
        GOPROXY: server.baseUrl,
        GOMODCACHE: `${dir}/modules`,
        // Go makes its module cache read-only otherwise, and the folder could not be removed.
        GOFLAGS: '-modcacherw',
        GONOSUMDB: '*',
        GOTOOLCHAIN: 'local',
        ...env,
      },
      platform: process.platform,
      arch: process.arch,
      folder: dir,
      log: () => {},
    });

  it('is compiled for this machine, whatever else the environment compiles for', async () => {
    const path = await bring({ GOOS: 'plan9', GOARCH: '386' });
    expect((await run(path, ['--version'])).stdout).toBe(`nats-server: v${PINNED_NATS_SERVER}\n`);
  });

  it("tells Go's own reason where that fails", async () => {
    await expect(bring({ GOPROXY: `${server.baseUrl}/elsewhere` })).rejects.toThrow(
      /`.*go install` ended with 1: .*404/s,
    );
  });
});
