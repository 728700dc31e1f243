import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { connect } from '@nats-io/transport-node';
import { loadConfig } from '../../src/platform/config/load-config.js';
import { natsServerPath } from '../../src/platform/embedded/nats-server-path.js';
import {
  type ComposeService,
  composeFile,
  type Environment,
  interpolated,
  parseEnvFile,
  requiredVariables,
} from '../support/compose-file.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { silentLogger } from '../support/silent-logger.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');
const MAKE_ENV = join(PROJECT, 'deploy/make-env.sh');

const { text: composeText, services } = composeFile('docker-compose.yml');
const [nats, postgres, llmq] = ['nats', 'postgres', 'llmq'].map((name) => services[name]!) as [
  ComposeService,
  ComposeService,
  ComposeService,
];

(process.platform === 'win32' ? describe.skip : describe)('deploy/make-env.sh and docker-compose.yml', () => {
  let folder: string;
  let shown: string;
  let env: Environment;

  beforeAll(async () => {
    folder = await makeTempDir('llmq-containers');
    shown = (await run('sh', [MAKE_ENV], { cwd: folder })).stdout;
    env = parseEnvFile(readFileSync(join(folder, '.env'), 'utf8'));
  });
  afterAll(() => removeTempDir(folder));

  it('makes every variable that the containers require', () => {
    expect(Object.keys(env).sort()).toEqual(requiredVariables(composeText));
  });

  it('shows the key once and keeps its SHA-256, in a file of its owner', () => {
    const key = /llmq_[\w-]{43}$/m.exec(shown)![0];
    expect(env['LLMQ_API_KEY_SHA256']).toBe(createHash('sha256').update(key).digest('hex'));
    expect(Object.values(env).join(' ')).not.toContain(key);
    expect(statSync(join(folder, '.env')).mode & 0o077).toBe(0);
  });

  it('never writes over an .env, whose passwords the data belongs to', async () => {
    await expect(run('sh', [MAKE_ENV], { cwd: folder })).rejects.toMatchObject({ code: 1 });
    expect(parseEnvFile(readFileSync(join(folder, '.env'), 'utf8'))).toEqual(env);
  });

  it('gives the service a configuration that it accepts, on all addresses with a key', () => {
    const warnings: string[] = [];
    const given = interpolated(llmq.environment!, env);
    const config = loadConfig(given, folder, (warning) => warnings.push(warning));
    expect(config.server.host).toBe('0.0.0.0');
    expect(config.security.api_keys).toMatchObject([{ role: 'admin', sha256: env['LLMQ_API_KEY_SHA256'] }]);
    expect(config.database.url).toContain(env['POSTGRES_PASSWORD']!);
    expect(warnings).toEqual([]);
  });

  it('starts nothing without the variables', () => {
    expect(() => loadConfig(interpolated(llmq.environment!, {}), folder)).toThrow();
  });

  it('publishes the service on loopback, and nothing else', () => {
    expect(nats.ports ?? postgres.ports).toBeUndefined();
    expect(llmq.ports!.every((port) => port.startsWith('127.0.0.1:'))).toBe(true);
  });

  it.each(['12345678', '0x1F', 'true', '1k', 'a b'])(
    'has NATS take the password %s as it is',
    async (password) => {
      const given = interpolated(nats.environment!, { ...env, NATS_PASSWORD: password });
      const port = await freePort();
      const config = join(folder, 'nats.conf');
      const text = readFileSync(join(PROJECT, 'deploy/nats.conf'), 'utf8');
      writeFileSync(config, text.replace(/^http:.*$/m, '').replace('/data', join(folder, 'nats')));
      const server = spawn(
        await natsServerPath(silentLogger),
        ['-c', config, '-a', '127.0.0.1', '-p', `${port}`],
        {
          env: { ...process.env, ...given },
          stdio: 'ignore',
        },
      );
      try {
        const login = { servers: `127.0.0.1:${port}`, user: given['NATS_USER']!, pass: password };
        const connection = await eventually(() => connect({ ...login, reconnect: false }));
        expect(connection.info).toMatchObject({ jetstream: true, max_payload: 8 * 1024 * 1024 });
        await connection.close();
        await expect(connect({ ...login, pass: 'another', reconnect: false })).rejects.toThrow(
          /authorization/i,
        );
      } finally {
        const ended = once(server, 'exit');
        server.kill();
        await ended;
      }
    },
  );
});

it('deploy/Dockerfile copies nothing that .dockerignore keeps from it', () => {
  const lines = readFileSync(join(PROJECT, 'deploy/Dockerfile'), 'utf8').split('\n');
  const copied = lines
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(' ').slice(1, -1));
  const letThrough = readFileSync(join(PROJECT, '.dockerignore'), 'utf8').match(/(?<=^!).+$/gm);
  expect(copied.map((path) => path.replace('./', '')).filter((path) => !letThrough!.includes(path))).toEqual(
    [],
  );
});
