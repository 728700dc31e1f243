import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export const DASHBOARD = resolve(
  import.meta.dirname,
  '../../deploy/grafana/dashboards/llm-message-queue.json',
);

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

export interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

export function dashboardFile(): Dashboard {
  return JSON.parse(readFileSync(DASHBOARD, 'utf8')) as Dashboard;
}

/**
 * What the dashboard asks Prometheus, as Prometheus gets it with `All` chosen: Grafana puts in what is named with `$`.
 * @returns for each query the title of its panel, and its expression
 */
export function dashboardQueries({ panels }: Dashboard): { readonly title: string; readonly expr: string }[] {
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(?:lane|model)\b/g, '.*'),
    })),
  );
}
