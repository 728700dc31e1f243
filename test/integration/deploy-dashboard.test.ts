import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { dashboardText } from '../../deploy/grafana/dashboard/dashboard.js';
import { DASHBOARD, dashboardFile, dashboardQueries } from '../support/dashboard.js';
import { machineTool } from '../support/machine-tool.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const dashboard = dashboardFile();
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

describe('deploy/grafana/dashboards/llm-message-queue.json', () => {
  it('is what its code makes (npm run dashboard)', () => {
    expect(readFileSync(DASHBOARD, 'utf8')).toBe(dashboardText());
  });

  it('numbers its panels, and lays none over another', () => {
    const { length } = dashboard.panels;
    expect(dashboard.panels.map(({ id }) => id)).toEqual(Array.from({ length }, (_, at) => at + 1));
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
  });

  it.each(panels)('$title says what it shows, with a query for each line', ({ description, targets }) => {
    expect(description).toMatch(/\.$/);
    expect(targets!.length).toBeGreaterThan(0);
    for (const { expr } of targets!) expect(expr).not.toMatch(/undefined|\{\}/);
  });

  // A rule that records an expression is refused where Prometheus can't read it.
  (machineTool('promtool') === null ? it.skip : it)(
    'asks what Prometheus understands (skipped where promtool is not installed)',
    async () => {
      const folder = await makeTempDir('llmq-dashboard');
      try {
        const file = join(folder, 'queries.yaml');
        const rules = dashboardQueries(dashboard).map(({ expr }, at) => ({ record: `query_${at}`, expr }));
        writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
        const { stdout } = await run('promtool', ['check', 'rules', file]);
        expect(stdout).toContain(`${rules.length} rules found`);
      } finally {
        await removeTempDir(folder);
      }
    },
  );
});
