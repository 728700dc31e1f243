import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

export const CHART = resolve(import.meta.dirname, '../../deploy/helm/llm-message-queue');
const FIRST_VALUES = resolve(import.meta.dirname, '../fixtures/helm/first-values.yaml');

/** What an installation must say. */
export const NAMED = [
  'existingSecret="llmq"',
  'config.nats.url="nats://nats.llmq.svc:4222"',
  'config.database.host="postgres.llmq.svc"',
  'config.database.user="llmq"',
  'config.database.dbname="queue"',
];
/** And with all that the chart can make beside it, but not what excludes the rest. */
export const EVERYTHING = [
  ...NAMED,
  'keda.enabled=true',
  'metrics.serviceMonitor={"enabled":true,"labels":{"release":"prometheus"},"apiKeySecret":{"name":"llmq","key":"METRICS_KEY"}}',
  'metrics.rules={"enabled":true,"runbookBase":"https://docs.example/"}',
  'metrics.dashboard={"enabled":true,"labels":{"grafana_dashboard":"yes"}}',
  'networkPolicy.prometheus=[{"namespaceSelector":{"matchLabels":{"name":"monitoring"}}}]',
  'networkPolicy.clients=[{"podSelector":{"matchLabels":{"app":"shop"}}}]',
  'networkPolicy.egress=[{"to":[{"namespaceSelector":{}}]}]',
  'extraEnv=[{"name":"NODE_EXTRA_CA_CERTS","value":"/ca/ca.crt"}]',
];

/** As far as tests look into one. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  // Each kind has another one.
  // biome-ignore lint/suspicious/noExplicitAny: what Kubernetes takes, which the tests read and don't make
  readonly spec: any;
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly unknown[];
}

export function chartFile(name: string): string {
  return readFileSync(join(CHART, name), 'utf8');
}

export function chartValues(): Record<string, unknown> {
  return parse(chartFile('values.yaml')) as Record<string, unknown>;
}

/** Of the first chart. */
export function firstValues(): Record<string, unknown> {
  return parse(readFileSync(FIRST_VALUES, 'utf8')) as Record<string, unknown>;
}

/** A copy of the chart that has the first one's values, as `helm upgrade --reuse-values` renders it for who installed that. */
export function chartWithFirstValues(folder: string): string {
  const chart = join(folder, 'chart');
  cpSync(CHART, chart, { recursive: true, dereference: true });
  cpSync(FIRST_VALUES, join(chart, 'values.yaml'));
  return chart;
}

/** Each template with its text, by its name. */
export function chartTemplates(): [string, string][] {
  const names = readdirSync(join(CHART, 'templates'));
  return names.map((name) => [name, chartFile(join('templates', name))]);
}

/**
 * What `helm template` makes of the chart, as release `mq` in the namespace `llmq`.
 * @param settings of `--set-json`: `keda.enabled=true`
 * @throws {Error} with what helm said
 */
export function renderedText(settings: readonly string[], chart = CHART): string {
  const set = settings.flatMap((setting) => ['--set-json', setting]);
  const args = ['template', 'mq', chart, '--namespace', 'llmq', '--kube-version', '1.33.0', ...set];
  return execFileSync('helm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The same, read. */
export function rendered(settings: readonly string[], chart = CHART): Manifest[] {
  const text = renderedText(settings, chart);
  const documents = parseAllDocuments(text) as ReturnType<typeof parseAllDocuments> & { empty?: true };
  for (const { errors } of documents) if (errors[0] !== undefined) throw errors[0];
  return documents.map((document) => document.toJS() as Manifest | null).filter((each) => each !== null);
}
