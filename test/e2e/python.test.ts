import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { machineTool } from '../support/machine-tool.js';
import { type RunningService, startService } from '../support/service.js';

const run = promisify(execFile);
const SCRIPTS = join(import.meta.dirname, 'python');
const python = machineTool('python3');

/** By the script, with what it needs to be imported. */
const CASES = {
  'responses.py': {
    needs: 'openai',
    cases: ['plain', 'stream', 'tools', 'resume', 'background', 'conversations'],
  },
  'batches.py': { needs: 'openai', cases: ['chats', 'responses', 'cancelled', 'wrong'] },
  'agent.py': { needs: 'agents', cases: ['run', 'stream', 'session'] },
} as const;

const has = (module: string) => python !== null && spawnSync(python, ['-c', `import ${module}`]).status === 0;
const scripts = Object.entries(CASES).map(([script, of]) => ({ script, ...of, isThere: has(of.needs) }));

let service: RunningService;

beforeAll(async () => {
  if (scripts.some(({ isThere }) => isThere)) service = await startService();
});
afterAll(async () => service?.stop());

/** What OpenAI's packages for Python do by default. Their versions are the machine's. */
describe.each(scripts)('$script, where python3 has the package $needs', ({ script, cases, isThere }) => {
  (isThere ? it : it.skip).each(cases)('%s', async (name) => {
    const env = { ...process.env, LLMQ_URL: service.baseUrl };
    // What it writes of its failure is in the error's message.
    await run(python!, ['-B', join(SCRIPTS, script), name], { env });
  });
});
