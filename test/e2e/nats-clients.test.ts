import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { compileSource } from '../support/compiled-source.js';
import { machineTool } from '../support/machine-tool.js';
import { type RunningService, startService } from '../support/service.js';
import { natsAddress } from '../support/service-addresses.js';
import { removeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const EXAMPLES = resolve(import.meta.dirname, '../../examples/nats');
const KEYS_CREATE = resolve(import.meta.dirname, '../../dist/platform/security/keys-create.main.js');

/** Where they are: `NATS_PYTHON` and `NATS_CLI` name others than those of the path. */
const python = process.env['NATS_PYTHON'] ?? machineTool('python3');
const cli = process.env['NATS_CLI'] ?? machineTool('nats');
const hasPython = python !== null && spawnSync(python, ['-c', 'import nats, nkeys']).status === 0;

let service: RunningService;
let folder: string;
let compiled: string;
let env: NodeJS.ProcessEnv;
let url: string;

/** As `npm run keys:create`. */
const keysCreate = (...args: string[]) => run(process.execPath, [KEYS_CREATE, ...args]);

beforeAll(async () => {
  const { stdout } = await keysCreate('--nats', '--name', 'billing', '--tenant', 'acme');
  const seed = /^ {2}(SU[A-Z2-7]+)$/m.exec(stdout)![1]!;
  const config = parse(/^nats:\n(?: .*\n)+/m.exec(stdout)![0]) as { nats: object };
  expect(config).toEqual({
    nats: { publishers: [{ name: 'billing', nkey: expect.stringMatching(/^U/), tenant: 'acme' }] },
  });
  [service, compiled] = await Promise.all([startService({ config }), compileSource('examples/nats')]);
  await writeFile(join(compiled, 'package.json'), '{"type":"module"}');
  folder = await mkdtemp(join(tmpdir(), 'llmq-seed-'));
  await writeFile(join(folder, 'publisher.nk'), seed);
  url = (await natsAddress(service.dataDir)).url;
  env = {
    ...process.env,
    ...{ NATS_URL: url, LLMQ_NKEY_FILE: join(folder, 'publisher.nk'), HOME: folder },
    PATH: `${cli === null ? '' : `${resolve(cli, '..')}:`}${process.env['PATH']}`,
  };
}, 300_000);
afterAll(async () => {
  await service?.stop();
  if (compiled !== undefined) await removeTempDir(compiled);
  await rm(folder, { recursive: true });
});

/** All that it says; the command `nats` tells of acknowledgements on its standard error. */
const shown = async (program: string, ...args: string[]) => {
  const { stdout, stderr } = await run(program, args, { env });
  return `${stdout}${stderr}`;
};

describe('clients of others', () => {
  it('the packages of NATS for Node', async () => {
    const told = await shown(process.execPath, join(compiled, 'examples/nats/publish-and-hear.js'));
    expect(told).toMatch(
      /stored LLMQ_INTAKE_billing 1\ncompleted .*What is a queue\?[\s\S]*What is a turn\?/,
    );
  });

  (hasPython ? it : it.skip)('nats-py, where python3 has the packages nats-py and nkeys', async () => {
    const told = await shown(python!, '-B', join(EXAMPLES, 'publish_and_hear.py'));
    expect(told).toMatch(
      /stored LLMQ_INTAKE_billing \d\ncompleted .*What is a queue\?[\s\S]*What is a turn\?/,
    );
  });

  (cli === null ? it.skip : it)('the command nats, where it is', async () => {
    const told = await shown('/bin/sh', join(EXAMPLES, 'publish-and-hear.sh'));
    expect(told).toMatch(/Stored in Stream: LLMQ_INTAKE_billing/i);
    expect(told).toMatch(/"status":"completed"/);
  });

  (cli === null ? it.skip : it)('the command nats is told what a publisher may not do', async () => {
    const refused = await run(
      cli!,
      ['--server', url, '--nkey', join(folder, 'publisher.nk'), 'stream', 'ls', '--timeout', '2s'],
      { env },
    ).then(
      ({ stdout }) => stdout,
      ({ stderr, stdout }) => `failed ${stderr} ${stdout}`,
    );
    expect(refused).toMatch(/^failed/);
  });
});

describe('a login for a publisher', () => {
  it('is made with a limit, and not with what only API keys have', async () => {
    const limited = await keysCreate('--nats', '--name', 'x', '--max-priority', 'low');
    expect(limited.stdout).toContain('max_priority: low');
    for (const more of [
      ['--role', 'admin'],
      ['--expires', '2027-01-31T00:00:00Z'],
    ]) {
      await expect(keysCreate('--nats', '--name', 'x', ...more)).rejects.toThrow('is for API keys');
    }
    await expect(keysCreate('--nats', '--name', 'no name')).rejects.toThrow('--name takes');
  });
});
