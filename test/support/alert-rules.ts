import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';

export const ALERTS_FOLDER = resolve(import.meta.dirname, '../../deploy/prometheus');

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export function alertRules(): AlertRule[] {
  const text = readFileSync(join(ALERTS_FOLDER, 'alerts.yaml'), 'utf8');
  return (parse(text) as { groups: { rules: AlertRule[] }[] }).groups.flatMap(({ rules }) => rules);
}

/** What an expression asks for of the service: names, and what it wants a label to be, as `name{label="value"}`. */
export function metricsIn(expr: string): string[] {
  return [...expr.matchAll(/\b(?:llmq|process|nodejs)_\w+(?:\{[^}]*\})?/g)].map(([selector]) => selector);
}
