import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { freePort } from '../../test/support/free-port.js';
import { makeTempDir, removeTempDir } from '../../test/support/temp-dir.js';
import type { Contender } from './contenders.js';
import { processCpuMs } from './cpu-time.js';

/** Of `pip install "litellm[proxy]"`; another one than that on the path by `BENCH_LITELLM`. */
const COMMAND = process.env['BENCH_LITELLM'] ?? 'litellm';
/** It loads all its providers first. */
const READY_WITHIN_MS = 180_000;

/** LiteLLM's proxy in one process, without a database; null where it is not installed. */
export async function startLiteLlm(
  endpointUrl: string,
  models: readonly string[],
): Promise<Contender | null> {
  const told = spawnSync(COMMAND, ['--version'], { encoding: 'utf8' });
  if (told.status !== 0) return null;
  const version = /\d+\.\d+\.\d+/.exec(told.stdout)?.[0] ?? '?';
  const folder = await makeTempDir('llmq-bench-litellm');
  const config = join(folder, 'config.yaml');
  const model_list = models.map((model) => ({
    model_name: model,
    litellm_params: { model: `openai/${model}`, api_base: `${endpointUrl}/v1`, api_key: 'none' },
  }));
  // It starts with no key that can be guessed.
  const master_key = `sk-${randomBytes(32).toString('hex')}`;
  await writeFile(config, stringify({ model_list, general_settings: { master_key } }));
  const port = await freePort();
  const args = ['--config', config, '--host', '127.0.0.1', '--port', `${port}`, '--telemetry', 'False'];
  const child = spawn(COMMAND, args, {
    env: { ...process.env, LITELLM_LOG: 'ERROR', LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
    stdio: 'ignore',
  });
  const stop = async () => {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await gone;
    await removeTempDir(folder);
  };
  const baseUrl = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!(await answers(`${baseUrl}/health/liveliness`))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`LiteLLM did not start. Look why: ${[COMMAND, ...args].join(' ')}`);
    }
    await sleep(200);
  }
  return {
    ...{
      name: `LiteLLM ${version}`,
      baseUrl: `${baseUrl}/v1`,
      headers: { authorization: `Bearer ${master_key}` },
    },
    cpu: () => ({ service: processCpuMs(child.pid!), nats: 0, postgres: 0 }),
    stop,
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
