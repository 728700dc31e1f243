import { table } from '../table.policy.js';
import { numberText } from '../terminal/amounts.policy.js';
import { shortened } from '../terminal/plain-text.policy.js';

/** An endpoint as `GET /api/v1/endpoints` tells it. */
export interface ToldEndpoint {
  readonly name: string;
  readonly source: string;
  readonly base_url: string;
  readonly models: readonly (string | { readonly name: string })[];
  readonly max_concurrency: number;
  readonly drained: { readonly reason: string | null } | null;
}

export interface ToldFigures {
  readonly taken: number;
  readonly calls: number;
  readonly answered: number;
  readonly failed: number;
  readonly refused: number;
  readonly rejected: number;
  readonly tokens: number;
  readonly first_piece_ms: { readonly p95: number | null };
  readonly total_ms: { readonly p95: number | null };
}

/** The same endpoint as `GET /api/v1/endpoints/{name}/stats` tells it. */
export interface ToldStats extends ToldFigures {
  readonly name: string;
  readonly state: string;
  readonly places: number;
  readonly models: readonly (ToldFigures & {
    readonly model: string;
    readonly state: string | null;
    readonly reason: string | null;
  })[];
}

export interface EndpointRow {
  readonly endpoint: ToldEndpoint;
  readonly stats: ToldStats;
}

const FIGURES = ['calls', 'answered', 'failed', 'refused', 'tokens', 'p95 first', 'p95 end'];

export function endpointsText(rows: readonly EndpointRow[]): string {
  if (rows.length === 0) return 'There are no endpoints.\n';
  return table([
    ['endpoint', 'state', 'busy', ...FIGURES, 'models'],
    ...rows.map(({ endpoint, stats }) => [
      endpoint.name,
      endpoint.drained === null ? stats.state : 'drained',
      `${stats.taken}/${stats.places}`,
      ...figuresOf(stats),
      shortened(endpoint.models.map(nameOf).join(', '), 40),
    ]),
  ]);
}

/** One endpoint with each of its models. */
export function endpointText({ endpoint, stats }: EndpointRow): string {
  const { drained } = endpoint;
  const state =
    drained === null ? stats.state : `drained${drained.reason ? ` (${shortened(drained.reason, 80)})` : ''}`;
  const models = stats.models.map((model) => [
    model.model,
    model.state ?? '-',
    String(model.taken),
    ...figuresOf(model),
    shortened(model.reason ?? '', 60),
  ]);
  return `${endpoint.name} is ${state}: ${stats.taken} of ${stats.places} places are taken.
${endpoint.base_url}, from ${endpoint.source}

${table([['model', 'state', 'busy', ...FIGURES, 'reason'], ...models])}`;
}

function figuresOf(figures: ToldFigures): string[] {
  return [
    ...[figures.calls, figures.answered, figures.failed, figures.refused, figures.tokens].map(String),
    ...[msText(figures.first_piece_ms.p95), msText(figures.total_ms.p95)],
  ];
}

function msText(ms: number | null): string {
  return ms === null ? '-' : `${numberText(ms)} ms`;
}

function nameOf(model: ToldEndpoint['models'][number]): string {
  return typeof model === 'string' ? model : model.name;
}
