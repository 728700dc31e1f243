import { execFile, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compileSource } from '../support/compiled-source.js';
import { freePort } from '../support/free-port.js';
import { machineTool } from '../support/machine-tool.js';
import { type RunningService, startService } from '../support/service.js';
import { removeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');
const EXAMPLES = join(PROJECT, 'examples');

/** What each example must show, by its name without `-`, `_` and ending. */
const SHOWN: Readonly<Record<string, readonly RegExp[]>> = {
  chat: [/What is a queue\?/],
  stream: [/is a lane|"content":/],
  follow: [/pending|processing|status/, /demo model|"ended"/],
  queueandfetch: [/low/, /What is a turn\?/],
  conversation: [/My name is Ann\./, /What is my name\?/],
  webhook: [/message\.completed/],
  batch: [/accepted/, /realtime/, /The demo model read|A person is waiting/],
};

const HOOK_SECRET = `whsec_${Buffer.from('example of a secret, 32 bytes ..').toString('base64')}`;
const CALLING_BACK = {
  config: { webhooks: { secrets: [HOOK_SECRET] }, security: { egress: { allow: ['127.0.0.1'] } } },
};

let service: RunningService;
let compiled: string;

beforeAll(async () => {
  [service, compiled] = await Promise.all([startService(CALLING_BACK), compileSource('examples/typescript')]);
  await writeFile(join(compiled, 'package.json'), '{"type":"module"}');
});
afterAll(async () => {
  await service?.stop();
  if (compiled !== undefined) await removeTempDir(compiled);
});

/** Those of a language that are programs. */
function programs(language: string, ending: string): string[] {
  return readdirSync(join(EXAMPLES, language)).filter(
    (name) => name.endsWith(ending) && name !== `llmq${ending}`,
  );
}

async function expectShown(program: string, args: readonly string[], name: string): Promise<void> {
  const { LLMQ_KEY: _key, LLMQ_MODEL: _model, ...env } = process.env;
  const port = String(await freePort());
  const hook = { LLMQ_HOOK_SECRET: HOOK_SECRET, LLMQ_HOOK_PORT: port };
  const { stdout } = await run(program, args, { env: { ...env, ...hook, LLMQ_URL: service.baseUrl } });
  const shown = SHOWN[name.replace(/[-_]|\.\w+$/g, '')];
  expect(shown).toBeDefined();
  for (const text of shown!) expect(stdout).toMatch(text);
}

function hasModule(python: string, name: string): boolean {
  return spawnSync(python, ['-c', `import ${name}`]).status === 0;
}

it('there is each example in each language', () => {
  for (const [language, ending] of [
    ['python', '.py'],
    ['typescript', '.ts'],
    ['curl', '.sh'],
  ] as const) {
    const names = programs(language, ending).map((name) => name.replace(/[-_]|\.\w+$/g, ''));
    expect(names.sort()).toEqual(Object.keys(SHOWN).sort());
  }
});

describe('examples/typescript', () => {
  it.each(programs('typescript', '.ts'))('%s', async (name) => {
    const file = join(compiled, 'examples/typescript', name.replace('.ts', '.js'));
    await expectShown(process.execPath, [file], name);
  });
});

describe('examples/curl', () => {
  (machineTool('curl') === null ? it.skip : it).each(programs('curl', '.sh'))('%s', async (name) => {
    await expectShown('/bin/sh', [join(EXAMPLES, 'curl', name)], name);
  });
});

describe('examples/python', () => {
  const python = machineTool('python3');
  const sdk = python !== null && hasModule(python, 'openai');
  const names = programs('python', '.py');
  const ofSdk = ['chat.py', 'stream.py'];
  const shown = (name: string) => expectShown(python!, ['-B', join(EXAMPLES, 'python', name)], name);

  (python === null ? it.skip : it).each(names.filter((name) => !ofSdk.includes(name)))('%s', shown);

  (sdk ? it : it.skip).each(ofSdk)('%s, where python3 has the package openai', shown);
});
