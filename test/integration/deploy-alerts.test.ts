import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { ALERTS_FOLDER, alertRules, metricsIn } from '../support/alert-rules.js';
import { headingAnchors } from '../support/headings.js';
import { machineTool } from '../support/machine-tool.js';

const run = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');
const RULES = alertRules();

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1]!);
}

/** As Prometheus gets them: the instruments that a source file makes, by the ways in which ours do. */
function metricsMadeIn(source: string): string[] {
  const prefix = /`(llmq\.\w+\.)\$\{name\}`/.exec(source)?.[1] ?? '';
  const named = (name: string) => (name.startsWith('llmq.') ? name : prefix + name).replaceAll('.', '_');
  return [
    ...all(source, /(?:\.gauge|createObservableGauge)\(\s*'([\w.]+)'/g).map(named),
    ...all(source, /(?:\.counter|createObservableCounter)\(\s*'([\w.]+)'/g).map(
      (name) => `${named(name)}_total`,
    ),
  ];
}

function metricsOfTheService(): Set<string> {
  const files = readdirSync(join(PROJECT, 'src'), { recursive: true, encoding: 'utf8' });
  const sources = files
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts'))
    .map((path) => readFileSync(join(PROJECT, 'src', path), 'utf8'));
  return new Set(sources.filter((source) => source.includes('getMeter(')).flatMap(metricsMadeIn));
}

describe('deploy/prometheus/alerts.yaml', () => {
  it('asks for metrics that the service has', () => {
    const known = metricsOfTheService();
    expect(known.size).toBeGreaterThan(40);
    const asked = RULES.flatMap(({ expr }) => metricsIn(expr)).map((selector) => selector.split('{')[0]!);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  });

  it('names each rule once', () => {
    expect(new Set(RULES.map(({ alert }) => alert)).size).toBe(RULES.length);
  });

  it.each(RULES)('$alert has a severity, a sentence, and a section of the runbook', (rule) => {
    expect(['critical', 'warning', 'info']).toContain(rule.labels['severity']);
    expect(rule.annotations['summary']).toMatch(/^\S.*\.$/);
    const [document, anchor] = rule.annotations['runbook_url']!.split('#');
    expect(document).toBe('docs/runbook.md');
    expect(anchor).toBe(rule.alert.toLowerCase());
    expect(headingAnchors(join(PROJECT, document!))).toContain(anchor);
  });

  // Prometheus' own tool: the syntax of all, and when each fires on made-up series.
  (machineTool('promtool') === null ? it.skip : it)(
    'is well-formed and fires when it should (skipped where promtool is not installed)',
    async () => {
      const check = await run('promtool', ['check', 'rules', 'alerts.yaml'], { cwd: ALERTS_FOLDER });
      expect(check.stdout).toContain(`${RULES.length} rules found`);
      await run('promtool', ['test', 'rules', 'alerts.test.yaml'], { cwd: ALERTS_FOLDER });
    },
  );
});

describe('docs/runbook.md', () => {
  const text = readFileSync(join(PROJECT, 'docs/runbook.md'), 'utf8');
  const sections = text.split(/^## /m).filter((section) => section.startsWith('Llmq'));

  it('has a section for each alert and for nothing else', () => {
    expect(sections.map((section) => section.split('\n')[0])).toEqual(RULES.map(({ alert }) => alert));
  });

  it.each(sections.map((section) => [section.split('\n')[0]!, section]))(
    '%s says what it means, where to look, what to do, and when it is over',
    (_alert, section) => {
      expect(all(section, /^\*\*(.+?)\*\*/gm)).toEqual(['Means.', 'Look.', 'Do.', 'Over.']);
    },
  );

  it('shows metrics that the service has', () => {
    const known = metricsOfTheService();
    const shown = all(text, /\b(llmq_(?!read\b)[a-z_]+)\b/g);
    expect(shown.filter((name) => !known.has(name))).toEqual([]);
  });
});
