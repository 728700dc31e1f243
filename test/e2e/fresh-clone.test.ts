import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { endEmbeddedServers, runningServers } from '../support/embedded-processes.js';
import { eventually } from '../support/eventually.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

const PROJECT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

describe('a fresh clone in an empty folder', () => {
  it('reaches ready with `npm start` alone, answers a message, and stops on SIGTERM', async () => {
    const folder = await makeTempDir('llmq-clone');
    const clone = join(folder, 'clone');
    const dataDir = join(clone, '.llmq');
    await run('git', ['clone', '--quiet', '--no-hardlinks', PROJECT, clone]);
    const service = npmStart(clone);
    try {
      const baseUrl = await service.ready;
      const content = 'Is anybody there?';
      const submitted = await fetch(`${baseUrl}/api/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ user_id: 'user123', content, priority: 'high' }),
      });
      expect(submitted.status).toBe(202);
      const answer = await fetch(`${baseUrl}${submitted.headers.get('location')}?wait=60s`);
      expect(await answer.json()).toMatchObject({
        status: 'completed',
        result: { content: demoAnswer([{ role: 'user', content }]) },
      });
      service.child.kill('SIGTERM');
      await service.exited;
      // npm does not wait for what it started, so neither the service nor its servers are gone at once.
      await eventually(async () => expect(await runningServers(dataDir)).toEqual([]));
    } finally {
      service.child.kill('SIGTERM');
      await service.exited;
      await endEmbeddedServers(dataDir);
      await removeTempDir(folder);
    }
  }, 900_000);
});

/** As a newcomer's shell would run it: nothing of this test's own set-up is handed on. */
function npmStart(folder: string) {
  const ours = /^(NATS_|LLMQ_|NODE_OPTIONS|DATABASE_|npm_|NODE_ENV)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
  const child = spawn('npm', ['start'], {
    cwd: folder,
    env: { ...env, SERVER_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let output = '';
  const ready = new Promise<string>((settle, reject) => {
    const read = (text: string) => {
      output += text;
      const match = /^llm-message-queue ready at (http:\/\/\S+)/m.exec(output);
      if (match !== null) settle(match[1]!);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    void exited.then(() => reject(new Error(`npm start ended. It wrote:\n${output}`)));
  });
  return { child, exited, ready };
}
