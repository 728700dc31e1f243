import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { clusterMembers } from '../../src/app/cluster/cluster-members.js';
import { loadConfig } from '../../src/platform/config/load-config.js';
import { natsServerPath } from '../../src/platform/embedded/nats-server-path.js';
import {
  composeFile,
  type Environment,
  interpolated,
  parseEnvFile,
  requiredVariables,
} from '../support/compose-file.js';
import { machineTool } from '../support/machine-tool.js';
import { silentLogger } from '../support/silent-logger.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');
const CLUSTER = 'deploy/compose/cluster.yml';
const OBSERVABILITY = 'deploy/compose/observability.yml';
const cluster = composeFile(CLUSTER);
const observability = composeFile(OBSERVABILITY);
const ROLES = ['api', 'worker', 'projector', 'scheduler'];
const SERVERS = ['nats-1', 'nats-2', 'nats-3'];

let folder: string;
let env: Environment;

// biome-ignore lint/suspicious/noExplicitAny: configurations of many shapes.
type Json = any;

function read(path: string): Json {
  return parse(readFileSync(join(PROJECT, path), 'utf8'));
}

async function runScript(path: string): Promise<string> {
  return (await run('sh', [join(PROJECT, path)], { cwd: folder })).stdout;
}

(process.platform === 'win32' ? describe.skip : describe)('the files of deploy/compose', () => {
  beforeAll(async () => {
    folder = await makeTempDir('llmq-compose');
    await runScript('deploy/make-env.sh');
    await runScript('deploy/compose/make-metrics-key.sh');
    env = parseEnvFile(readFileSync(join(folder, '.env'), 'utf8'));
  });
  afterAll(() => removeTempDir(folder));

  it('require variables that the scripts make', () => {
    const required = [cluster, observability].flatMap(({ text }) => requiredVariables(text));
    expect(required.filter((name) => env[name] === undefined)).toEqual([]);
  });

  it('mount files that are there, and publish on loopback alone', () => {
    const services = [cluster, observability].flatMap((file) => Object.values(file.services));
    const mounted = services
      .flatMap(({ volumes = [] }) => volumes)
      .filter((volume) => volume.startsWith('./'));
    expect(mounted.length).toBeGreaterThan(0);
    expect(mounted.filter((volume) => !existsSync(join(PROJECT, volume.split(':')[0]!)))).toEqual([]);
    const ports = services.flatMap((service) => service.ports ?? []);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('start a cluster of as many processes as npm run start:cluster', () => {
    const started = ROLES.flatMap((role) => Array(cluster.services[role]!.deploy!.replicas).fill(role));
    expect(started.sort()).toEqual(
      clusterMembers(8_080, '0.0.0.0')
        .map(({ role }) => role)
        .sort(),
    );
  });

  it.each(ROLES)('give the processes with the role %s a configuration that they accept', (role) => {
    const warnings: string[] = [];
    const service = cluster.services[role]!;
    const config = loadConfig(interpolated(service.environment!, env), folder, (text) => warnings.push(text));
    expect(warnings).toEqual([]);
    expect(config.roles).toContain(role);
    expect(config.nats).toMatchObject({ replicas: 3, password: env['NATS_PASSWORD'] });
    const named = config.nats.url.split(',').map((url) => new URL(url).hostname);
    expect(named).toEqual(SERVERS);
    expect(Object.keys(service.depends_on!)).toEqual([...SERVERS, 'postgres']);
    // What the first script made, and what the second one added.
    expect(config.security.api_keys).toMatchObject([
      { role: 'admin', sha256: env['LLMQ_API_KEY_SHA256'] },
      { role: 'viewer', sha256: createHash('sha256').update(env['LLMQ_METRICS_KEY']!).digest('hex') },
    ]);
  });

  it('keep the key of Prometheus in a file of its owner, and make it once', async () => {
    expect(statSync(join(folder, '.env')).mode & 0o077).toBe(0);
    await expect(runScript('deploy/compose/make-metrics-key.sh')).rejects.toMatchObject({ code: 1 });
    expect(parseEnvFile(readFileSync(join(folder, '.env'), 'utf8'))).toEqual(env);
  });

  it.each(SERVERS)('give %s a configuration that nats-server accepts', async (name) => {
    cpSync(join(PROJECT, 'deploy/nats.conf'), join(folder, 'llmq.conf'));
    cpSync(join(PROJECT, 'deploy/compose/nats-cluster.conf'), join(folder, 'cluster.conf'));
    const binary = await natsServerPath(silentLogger);
    const given = interpolated(cluster.services[name]!.environment!, env);
    expect(given['NATS_NAME']).toBe(name);
    const conf = join(folder, 'cluster.conf');
    const { stderr } = await run(binary, ['-t', '-c', conf], { env: { ...process.env, ...given } });
    expect(stderr).toMatch(/configuration file .* is valid/);
    const routes = readFileSync(conf, 'utf8').match(/^ {2}routes: (.*)$/m)![1]!;
    expect(JSON.parse(routes)).toEqual(SERVERS.map((server) => `nats://${server}:6222`));
  });

  it('have Prometheus ask every process, by names of the compose files', () => {
    const text = readFileSync(join(PROJECT, 'deploy/prometheus/prometheus.yaml'), 'utf8');
    const { scrape_configs: jobs, rule_files: rules } = parse(text);
    expect(rules.every((path: string) => existsSync(join(PROJECT, 'deploy/prometheus', path)))).toBe(true);
    expect(jobs).toHaveLength(1);
    const [{ names, port }] = jobs[0].dns_sd_configs;
    expect(names).toEqual(['llmq', ...ROLES]);
    expect(composeFile('docker-compose.yml').services['llmq']).toBeDefined();
    expect(`${port}`).toBe(cluster.services['api']!.environment!['SERVER_PORT']);
  });

  (machineTool('promtool') === null ? it.skip : it)(
    'give Prometheus a configuration that it accepts (skipped where promtool is not installed)',
    async () => {
      const file = join(PROJECT, 'deploy/prometheus/prometheus.yaml');
      // The key is in the container alone.
      await run('promtool', ['check', 'config', '--syntax-only', file]);
    },
  );

  it('have Grafana find the dashboard, and its data sources by the names of the compose file', () => {
    const folders = Object.fromEntries(
      observability.services['grafana']!.volumes!.map((volume) => volume.split(':').slice(0, 2).reverse()),
    );
    const [provider] = read('deploy/grafana/provisioning/dashboards/llm-message-queue.yaml').providers;
    const folder = folders[provider.options.path]!;
    expect(readdirSync(join(PROJECT, folder))).toEqual(['llm-message-queue.json']);
    const sources = readdirSync(join(PROJECT, 'deploy/grafana/provisioning/datasources')).map(
      (name) => read(`deploy/grafana/provisioning/datasources/${name}`).datasources[0],
    );
    expect(sources.map(({ type }) => type)).toEqual(['prometheus', 'tempo']);
    expect(
      sources.map(({ url }) => new URL(url).hostname).every((name) => name in observability.services),
    ).toBe(true);
    const tempo = read('deploy/tempo/tempo.yaml');
    expect(new URL(sources[1]!.url).port).toBe(`${tempo.server.http_listen_port}`);
  });

  it('have traces go from the processes to the collector, and from there to Tempo', () => {
    const sender = new URL(env['OTEL_EXPORTER_OTLP_ENDPOINT']!);
    const collector = read('deploy/otel-collector/config.yaml');
    const forwarded = new URL(collector.exporters.otlphttp.endpoint);
    const tempo = read('deploy/tempo/tempo.yaml');
    const listensAt = (receiver: Json) => receiver.otlp.protocols.http.endpoint;
    expect([sender.hostname, `0.0.0.0:${sender.port}`]).toEqual([
      'otel-collector',
      listensAt(collector.receivers),
    ]);
    expect([forwarded.hostname, `0.0.0.0:${forwarded.port}`]).toEqual([
      'tempo',
      listensAt(tempo.distributor.receivers),
    ]);
    const parts = collector.service.pipelines.traces;
    for (const kind of ['receivers', 'processors', 'exporters'])
      expect(Object.keys(collector[kind])).toEqual(parts[kind]);
    for (const service of [
      composeFile('docker-compose.yml').services['llmq']!,
      ...ROLES.map((role) => cluster.services[role]!),
    ])
      expect(interpolated(service.environment!, env)['OTEL_EXPORTER_OTLP_ENDPOINT']).toBe(
        sender.href.slice(0, -1),
      );
  });

  (machineTool('otelcol') === null ? it.skip : it)(
    'give the collector a configuration that it accepts (skipped where otelcol is not installed)',
    async () => {
      await run('otelcol', ['validate', '--config', join(PROJECT, 'deploy/otel-collector/config.yaml')]);
    },
  );

  (hasCompose() ? it : it.skip).each([
    ['docker-compose.yml'],
    [CLUSTER],
    ['docker-compose.yml', OBSERVABILITY],
    [CLUSTER, OBSERVABILITY],
  ])('are read by Docker Compose: %s %s (skipped where it is not installed)', async (...files) => {
    const named = files.flatMap((file) => ['-f', join(PROJECT, file)]);
    const shared = ['--project-directory', PROJECT, '--env-file', join(folder, '.env')];
    await run('docker', ['compose', ...shared, ...named, 'config', '--quiet']);
  });
});

function hasCompose(): boolean {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
