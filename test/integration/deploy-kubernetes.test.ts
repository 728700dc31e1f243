import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { chartFile, EVERYTHING, NAMED, rendered, renderedText } from '../support/helm-chart.js';
import { machineTool } from '../support/machine-tool.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const FOLDER = resolve(import.meta.dirname, '../../deploy/kubernetes');
const has = (...tools: string[]) => tools.every((tool) => machineTool(tool) !== null);

/** The chart's, which needs no newer one. */
const OLDEST = /\d+\.\d+/.exec(parse(chartFile('Chart.yaml')).kubeVersion)![0];

/**
 * By the schemas of Kubernetes, which this tool brings with it: another one would fetch them. It knows nothing of the kinds that
 * KEDA and the Prometheus operator add.
 * @returns a line for each resource that it knows, and for each of their faults
 */
async function validated(file: string, version: readonly string[]): Promise<string[]> {
  const args = ['--strict', '--no-warn', ...version, file];
  const { stdout, stderr } = await run('kubernetes-validate', args).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return `${stdout}${stderr}`.trimEnd().split('\n');
}

const passed = expect.stringContaining(' passed for resource ');

describe.each([
  [OLDEST, ['-k', OLDEST]],
  ['in the newest version that the tool knows', []],
])('Kubernetes %s takes', (_name, version) => {
  (has('kubernetes-validate') ? it : it.skip).each(readdirSync(FOLDER))(
    'deploy/kubernetes/%s (skipped where kubernetes-validate is not installed)',
    async (name) => {
      const file = join(FOLDER, name);
      const { length } = parseAllDocuments(readFileSync(file, 'utf8'));
      expect(await validated(file, version)).toEqual(Array(length).fill(passed));
    },
  );

  (has('helm', 'kubernetes-validate') ? it : it.skip).each([
    ['by default', NAMED],
    ['with everything', EVERYTHING],
    ['with workers that the scheduler scales', [...NAMED, 'config.scheduler={"actuator":"kubernetes"}']],
  ])('the chart %s (skipped where helm or kubernetes-validate is not installed)', async (_when, settings) => {
    const folder = await makeTempDir('llmq-kubernetes');
    try {
      const file = join(folder, 'manifests.yaml');
      writeFileSync(file, renderedText(settings));
      const added = ['ScaledObject', 'ServiceMonitor', 'PrometheusRule'];
      const own = rendered(settings).filter(({ kind }) => !added.includes(kind));
      expect(await validated(file, version)).toEqual(own.map(() => passed));
    } finally {
      await removeTempDir(folder);
    }
  });
});
