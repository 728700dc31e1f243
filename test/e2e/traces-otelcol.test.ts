import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { machineTool } from '../support/machine-tool.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

let folder: string | undefined;
let collector: ChildProcess | undefined;
let service: RunningService | undefined;

afterEach(async () => {
  await service?.stop();
  if (collector !== undefined && collector.exitCode === null) {
    const gone = once(collector, 'exit');
    collector.kill('SIGTERM');
    await gone;
  }
  if (folder !== undefined) await removeTempDir(folder);
  [folder, collector, service] = [undefined, undefined, undefined];
});

/** @returns what it has written so far */
async function startCollector(protocol: 'http' | 'grpc', endpoint: string): Promise<() => string> {
  folder = await makeTempDir('llmq-otelcol');
  const path = join(folder, 'config.yaml');
  const config = {
    receivers: { otlp: { protocols: { [protocol]: { endpoint } } } },
    exporters: { debug: { verbosity: 'detailed' } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['otlp'], exporters: ['debug'] } },
    },
  };
  await writeFile(path, stringify(config));
  let output = '';
  collector = spawn('otelcol', ['--config', path], { stdio: ['ignore', 'ignore', 'pipe'] });
  collector.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await eventually(() => expect(output).toContain('Everything is ready'));
  return () => output;
}

/** Not a part of every machine. */
const isThere = machineTool('otelcol') !== null;

(isThere ? it : it.skip).each([
  ['http/protobuf', 'http'],
  ['grpc', 'grpc'],
] as const)(
  'gives an OpenTelemetry collector its spans over %s (skipped where otelcol is not installed)',
  async (protocol, receiver) => {
    const endpoint = `127.0.0.1:${await freePort()}`;
    const written = await startCollector(receiver, endpoint);
    service = await startService({
      env: { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_BSP_SCHEDULE_DELAY: '100' },
      config: { tracing: { endpoint: `http://${endpoint}` } },
    });
    const body = { model: 'demo', messages: [{ role: 'user', content: '[[demo:rate 0]] hunter2' }] };
    const response = await fetch(`${service.baseUrl}/v1/chat/completions`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
    });
    expect(response.status).toBe(200);
    await eventually(() => {
      for (const name of [
        'POST /v1/chat/completions',
        'accept',
        'append',
        'wait',
        'dispatch',
        'chat demo',
        'project',
      ])
        expect(written()).toMatch(new RegExp(`^ +Name +: ${name}$`, 'm'));
    });
    expect(written()).toContain('gen_ai.operation.name: Str(chat)');
    expect(written()).not.toContain('hunter2');
  },
  180_000,
);
