import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { configSchema } from '../../src/platform/config/config.schema.js';
import { loadConfig } from '../../src/platform/config/load-config.js';
import { VERSION } from '../../src/platform/version.js';
import { alertRules } from '../support/alert-rules.js';
import { DASHBOARD, dashboardFile } from '../support/dashboard.js';
import {
  CHART,
  chartFile,
  chartTemplates,
  chartValues,
  chartWithFirstValues,
  EVERYTHING,
  firstValues,
  type Manifest,
  NAMED,
  rendered,
} from '../support/helm-chart.js';
import { machineTool } from '../support/machine-tool.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const ROLES = ['api', 'worker', 'projector', 'scheduler'] as const;

/** Paths of the values, where a map that users fill, and a list, is one value. */
function valuePaths(values: Record<string, unknown>, open: readonly string[], above = ''): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const path = above === '' ? key : `${above}.${key}`;
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isMap || open.includes(path) || Object.keys(value as object).length === 0) return [path];
    return valuePaths(value as Record<string, unknown>, open, path);
  });
}

describe('the Helm chart as text', () => {
  const templates = chartTemplates();
  const written = templates.map(([, template]) => template).join('\n');
  /** Without the brackets around sections that may be missing. */
  const text = written.replaceAll(/\((\$?\.Values\.[\w.]+)\)/g, '$1');

  it('is of the version of the service', () => {
    expect(parse(chartFile('Chart.yaml'))).toMatchObject({ name: 'llm-message-queue', appVersion: VERSION });
  });

  it.each(templates)('%s closes what it opens', (_name, template) => {
    const actions = [...template.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/gs)].map((match) => match[1]!);
    expect(template.split('{{')).toHaveLength(actions.length + 1);
    expect(template.split('}}')).toHaveLength(actions.length + 1);
    const opened = actions.filter((action) => /^(if|range|with|define)\b/.test(action));
    expect(actions.filter((action) => action === 'end')).toHaveLength(opened.length);
  });

  it('uses all values, and none that are not there', () => {
    const own = ['podDisruptionBudget', 'resources', 'nodeSelector', 'tolerations', 'affinity'];
    const open = ['config', 'keda.metadata', 'metrics.serviceMonitor.apiKeySecret'].concat(
      'metrics.dashboard.labels',
      ROLES.flatMap((role) => own.map((key) => `${role}.${key}`)),
    );
    const paths = valuePaths(chartValues(), open);
    const isUsed = (path: string) => {
      const [first, ...rest] = path.split('.');
      if (!ROLES.includes(first as (typeof ROLES)[number])) return text.includes(`.Values.${path}`);
      return (
        text.includes(`$own.${rest.join('.')}`) || text.includes(`(index $.Values $role).${rest.join('.')}`)
      );
    };
    expect(paths.length).toBeGreaterThan(50);
    expect(paths.filter((path) => !isUsed(path))).toEqual([]);
    const used = [...text.matchAll(/\.Values\.([\w.]+)/g)].map((match) => match[1]!);
    expect(used.filter((path) => !paths.includes(path))).toEqual([]);
  });

  it('asks for no value inside of a section that an older chart had not', () => {
    const sections = (values: object, above = ''): string[] =>
      Object.entries(values).flatMap(([key, value]) => {
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
        return [above + key, ...sections(value, `${above}${key}.`)];
      });
    const first = sections(firstValues());
    const newer = sections(chartValues()).filter((section) => !first.includes(section));
    expect(newer).toContain('metrics.dashboard');
    expect(newer.filter((section) => written.includes(`.Values.${section}.`))).toEqual([]);
  });

  it('refuses a value whose name it does not know, in each of its sections', () => {
    const check = new Ajv({ strict: false }).compile(JSON.parse(chartFile('values.schema.json')));
    expect(check(chartValues())).toBe(true);
    const sections = ['image', ...ROLES, 'service', 'keda', 'metrics', 'networkPolicy'];
    const misspelled = sections.map((name) => ({ [name]: { replica: 2 } }));
    expect([...misspelled, { workers: {} }].filter((values) => check(values))).toEqual([]);
  });

  it('has settings of the service under its own names', () => {
    expect(() => configSchema.parse(chartValues()['config'])).not.toThrow();
  });

  it('asks the probes of the service, and stops no pod before it has stopped itself', () => {
    expect(text).toContain('path: /health/live');
    expect(text).toContain('path: /health/ready');
    expect(text).toMatch(
      /terminationGracePeriodSeconds: \{\{ add \(div \(int \$own.shutdownTimeoutMs\) 1000\) 30 }}/,
    );
  });

  it('has the alert rules of Prometheus themselves, and no copy', () => {
    expect(parse(chartFile('alerts.yaml')).groups[0].rules).toEqual(alertRules());
  });

  it('has the dashboard of Grafana itself, and no copy', () => {
    expect(realpathSync(join(CHART, 'dashboard.json'))).toBe(realpathSync(DASHBOARD));
  });
});

(machineTool('helm') === null ? describe.skip : describe)(
  'the Helm chart as Helm renders it (skipped where helm is not installed)',
  () => {
    let folder: string;
    beforeAll(async () => {
      folder = await makeTempDir('llmq-helm');
    });
    afterAll(() => removeTempDir(folder));

    const of = (manifests: Manifest[], kind: string) => manifests.filter((each) => each.kind === kind);
    const podOf = (deployment: Manifest) => deployment.spec.template.spec;
    const labelsOf = (deployment: Manifest) => deployment.spec.template.metadata.labels;

    /** The configuration that a process of the Deployment starts with. */
    function configOf(manifests: Manifest[], deployment: Manifest, secret: Record<string, string>) {
      const [container] = podOf(deployment).containers;
      const given = container.env.map(({ name, value }: Record<string, string>) => [name, value]);
      const file = join(folder, 'config.yaml');
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, of(manifests, 'ConfigMap')[0]!.data!['config.yaml']!);
      const warnings: string[] = [];
      const env = { ...Object.fromEntries(given), ...secret, LLMQ_CONFIG: file };
      const config = loadConfig(env, folder, (text) => warnings.push(text));
      expect(warnings).toEqual([]);
      return config;
    }

    const SECRET = {
      NATS_USER: 'llmq',
      NATS_PASSWORD: 'one',
      DATABASE_PASSWORD: 'two',
      SECURITY_API_KEYS: `[{"name": "a", "role": "operator", "sha256": "${'0'.repeat(64)}"}]`,
    };

    it('passes its linter', () => {
      const set = EVERYTHING.flatMap((setting) => ['--set-json', setting]);
      execFileSync('helm', ['lint', '--strict', CHART, ...set], { stdio: 'pipe' });
    });

    it.each([
      ['existingSecret', NAMED.slice(1)],
      ['config.nats.url', NAMED.filter((setting) => !setting.includes('nats'))],
      ['config.database.host', NAMED.filter((setting) => !setting.includes('database'))],
      ['actuator', [...NAMED, 'keda.enabled=true', 'config.scheduler={"actuator":"kubernetes"}']],
    ])('says what is missing or wrong: %s', (named, settings) => {
      expect(() => rendered(settings)).toThrow(new RegExp(named.replaceAll('.', '\\.')));
    });

    it.each([
      ['by default', NAMED],
      ['with everything', EVERYTHING],
    ])('%s, has a Deployment of each role that starts, without rights', (_when, settings) => {
      const manifests = rendered(settings);
      const deployments = of(manifests, 'Deployment');
      expect(deployments.map(({ metadata }) => metadata.name)).toEqual(ROLES.map((role) => `mq-${role}`));
      for (const [at, deployment] of deployments.entries()) {
        const config = configOf(manifests, deployment, SECRET);
        expect(config.roles.has(ROLES[at]!)).toBe(true);
        expect(config).toMatchObject({ server: { host: '0.0.0.0', port: 8_080 }, nats: { password: 'one' } });
        expect(config.database.url).toBe('postgres://llmq:two@postgres.llmq.svc/queue');
        const pod = podOf(deployment);
        expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(
          config.server.shutdown_timeout_ms + 5_000,
        );
        expect(pod).toMatchObject({
          securityContext: { runAsNonRoot: true },
          automountServiceAccountToken: false,
          enableServiceLinks: false,
        });
        expect(pod.containers[0].securityContext.readOnlyRootFilesystem).toBe(true);
        expect(pod.containers[0].image).toBe(`llm-message-queue:${VERSION}`);
        expect(labelsOf(deployment)).toMatchObject(deployment.spec.selector.matchLabels);
      }
    });

    it.each([
      ['', NAMED],
      [', with everything', EVERYTHING.filter((setting) => !setting.startsWith('metrics.dashboard'))],
    ])('takes what an older chart had not as it is by default, for --reuse-values%s', (_when, settings) => {
      expect(rendered(settings, chartWithFirstValues(folder))).toEqual(rendered(settings));
    });

    it('takes the addresses from the Secret as well', () => {
      const manifests = rendered(['existingSecret="llmq"', 'addressesInSecret=true']);
      const secret = {
        ...{ NATS_URL: 'nats://nats:4222', DATABASE_URL: 'postgres://ann:two@db:5432/queue' },
        SECURITY_API_KEYS: SECRET.SECURITY_API_KEYS,
      };
      const config = configOf(manifests, of(manifests, 'Deployment')[0]!, secret);
      expect(config.nats.url).toBe('nats://nats:4222');
      expect(config.database.url).toBe('postgres://ann:two@db:5432/queue');
    });

    it('has services, budgets and policies that select the pods of a role, and of that role alone', () => {
      const manifests = rendered(EVERYTHING);
      const deployments = of(manifests, 'Deployment');
      const selected = (selector: Record<string, string>) =>
        deployments
          .filter((each) => Object.entries(selector).every(([name, value]) => labelsOf(each)[name] === value))
          .map(({ metadata }) => metadata.name);
      const services = of(manifests, 'Service').map(({ metadata, spec }) => [
        metadata.name,
        selected(spec.selector),
      ]);
      const all = ROLES.map((role) => `mq-${role}`);
      expect(Object.fromEntries(services)).toEqual({
        'mq-api': ['mq-api'],
        'mq-metrics': all,
        'mq-keda': ['mq-api'],
      });
      for (const { metadata, spec } of of(manifests, 'PodDisruptionBudget'))
        expect(selected(spec.selector.matchLabels)).toEqual([metadata.name]);
      const policies = of(manifests, 'NetworkPolicy').map(({ spec }) =>
        selected(spec.podSelector.matchLabels),
      );
      expect(policies).toEqual([all, ['mq-api']]);
      const ports = deployments.flatMap((each) =>
        podOf(each).containers[0].ports.map(({ name }: { name: string }) => name),
      );
      const targets = of(manifests, 'Service').flatMap(({ spec }) => spec.ports);
      expect(targets.filter(({ targetPort }: { targetPort: string }) => !ports.includes(targetPort))).toEqual(
        [],
      );
    });

    it('lets nobody in but clients to the api where nothing more is named', () => {
      const [everywhere, api] = of(rendered(NAMED), 'NetworkPolicy');
      expect(everywhere!.spec).not.toHaveProperty('ingress');
      expect(everywhere!.spec.policyTypes).toEqual(['Ingress']);
      expect(api!.spec.ingress).toEqual([{ ports: [{ port: 'http' }] }]);
    });

    it('has KEDA scale the workers by what the scheduler wants', () => {
      const manifests = rendered(EVERYTHING);
      const [scaled] = of(manifests, 'ScaledObject');
      const worker = of(manifests, 'Deployment')[1]!;
      expect(scaled!.spec.scaleTargetRef.name).toBe(worker.metadata.name);
      // A number would undo what KEDA ordered, at each upgrade.
      expect(worker.spec).not.toHaveProperty('replicas');
      const { scheduler } = configOf(manifests, of(manifests, 'Deployment')[0]!, SECRET);
      expect(scheduler).toMatchObject({ enabled: true, actuator: 'none' });
      const { metadata } = scaled!.spec.triggers[0];
      expect(metadata).toEqual({
        scalerAddress: `mq-keda.llmq.svc:${scheduler.keda.port}`,
        metric: 'wanted_slots',
      });
    });

    it('gives the scheduler the scale of the workers alone, where it is the one that sets it', () => {
      const manifests = rendered([...NAMED, 'config.scheduler={"enabled":true,"actuator":"kubernetes"}']);
      const [, worker, , scheduler] = of(manifests, 'Deployment');
      const account = of(manifests, 'ServiceAccount')[0]!.metadata.name;
      expect(podOf(scheduler!)).toMatchObject({
        serviceAccountName: account,
        automountServiceAccountToken: true,
      });
      expect(podOf(worker!).automountServiceAccountToken).toBe(false);
      expect(worker!.spec).not.toHaveProperty('replicas');
      expect(configOf(manifests, scheduler!, SECRET).scheduler.kubernetes.deployment).toBe(
        worker!.metadata.name,
      );
      expect(of(manifests, 'Role')[0]!.rules).toEqual([
        {
          ...{ apiGroups: ['apps'], resources: ['deployments/scale'] },
          ...{ resourceNames: [worker!.metadata.name], verbs: ['get', 'update'] },
        },
      ]);
    });

    it('has Prometheus read all roles, and gives it the rules with links', () => {
      const manifests = rendered(EVERYTHING);
      const [monitor] = of(manifests, 'ServiceMonitor');
      const metrics = of(manifests, 'Service').find(({ metadata }) => metadata.name === 'mq-metrics');
      expect(metrics!.metadata.labels).toMatchObject(monitor!.spec.selector.matchLabels);
      expect(metrics!.metadata.labels[monitor!.spec.jobLabel]).toBe('llm-message-queue');
      expect(monitor!.spec.endpoints[0]).toMatchObject({
        ...{ honorLabels: true, path: '/metrics' },
        authorization: { credentials: { name: 'llmq', key: 'METRICS_KEY' } },
      });
      const { rules } = of(manifests, 'PrometheusRule')[0]!.spec.groups[0];
      const linked = alertRules().map((rule) => ({
        ...rule,
        annotations: {
          ...rule.annotations,
          runbook_url: `https://docs.example/${rule.annotations['runbook_url']}`,
        },
      }));
      expect(rules).toEqual(linked);
    });

    it('gives Grafana the dashboard under the label that its sidecar looks for, where that is asked for', () => {
      const dashboards = (settings: readonly string[]) =>
        of(rendered(settings), 'ConfigMap').filter(({ metadata }) => metadata.name === 'mq-dashboard');
      expect(dashboards(NAMED)).toEqual([]);
      const [dashboard] = dashboards(EVERYTHING);
      expect(dashboard!.metadata.labels['grafana_dashboard']).toBe('yes');
      expect(JSON.parse(dashboard!.data!['llm-message-queue.json']!)).toEqual(dashboardFile());
      const [labelled] = dashboards([...NAMED, 'metrics.dashboard.enabled=true']);
      expect(labelled!.metadata.labels['grafana_dashboard']).toBe('1');
    });
  },
);
