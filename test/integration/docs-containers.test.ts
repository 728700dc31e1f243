import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { connect } from '@nats-io/transport-node';
import { parse } from 'yaml';
import { loadConfig } from '../../src/platform/config/load-config.js';
import { natsServerPath } from '../../src/platform/embedded/nats-server-path.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { silentLogger } from '../support/silent-logger.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');
const MAKE_ENV = join(PROJECT, 'deploy/make-env.sh');

type Environment = Record<string, string>;
interface Compose {
  services: Record<'nats' | 'postgres' | 'llmq', { environment: Environment; ports?: string[] }>;
}

const composeText = readFileSync(join(PROJECT, 'docker-compose.yml'), 'utf8');
const { services } = parse(composeText) as Compose;

/** Compose's `${NAME:-default}` and `${NAME:?error}`. */
function interpolated(environment: Environment, env: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).map(([name, text]) => [
      name,
      text.replace(/\$\{(\w+):[-?][^}]*\}/g, (_, variable: string) => env[variable] ?? ''),
    ]),
  );
}

function parseEnvFile(text: string): Environment {
  return Object.fromEntries(text.split('\n').flatMap((line) => (line === '' ? [] : [line.split('=', 2)])));
}

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
    const required = [...composeText.matchAll(/\$\{(\w+):\?/g)].map((match) => match[1]!);
    expect(Object.keys(env).sort()).toEqual([...new Set(required)].sort());
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
    const given = interpolated(services.llmq.environment, env);
    const config = loadConfig(given, folder, (warning) => warnings.push(warning));
    expect(config.server.host).toBe('0.0.0.0');
    expect(config.security.api_keys).toMatchObject([{ role: 'admin', sha256: env['LLMQ_API_KEY_SHA256'] }]);
    expect(config.database.url).toContain(env['POSTGRES_PASSWORD']!);
    expect(warnings).toEqual([]);
  });

  it('starts nothing without the variables', () => {
    expect(() => loadConfig(interpolated(services.llmq.environment, {}), folder)).toThrow();
  });

  it('publishes the service on loopback, and nothing else', () => {
    expect(services.nats.ports ?? services.postgres.ports).toBeUndefined();
    expect(services.llmq.ports!.every((port) => port.startsWith('127.0.0.1:'))).toBe(true);
  });

  it.each(['12345678', '0x1F', 'true', '1k', 'a b'])(
    'has NATS take the password %s as it is',
    async (password) => {
      const given = interpolated(services.nats.environment, { ...env, NATS_PASSWORD: password });
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
