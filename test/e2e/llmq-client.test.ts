import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { VERSION } from '../../src/platform/version.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import {
  type CommandRun,
  runLlmq,
  runLlmqReading,
  runLlmqWith,
  type StartedCommand,
  startLlmq,
} from '../support/llmq-command.js';
import { type RunningService, startService } from '../support/service.js';
import { makeTempDir, removeTempDir } from '../support/temp-dir.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

const operator = newApiKey({ name: 'ops', role: 'operator', tenant: 'default' });
const viewer = newApiKey({ name: 'view', role: 'viewer', tenant: 'default' });
let service: RunningService;

beforeAll(async () => {
  service = await startService({
    config: { security: { api_keys: [operator.config, viewer.config], egress: { allow: ['10.0.0.0/8'] } } },
  });
});
afterAll(async () => service?.stop());

let started: StartedCommand[] = [];
// A test that failed has not interrupted its own.
afterEach(() => {
  for (const { process } of started) process.kill('SIGKILL');
  started = [];
});

const at = () => ['--url', service.baseUrl, '--api-key', operator.key];

function llmq(...args: string[]): Promise<CommandRun> {
  return runLlmq(service.dataDir, ...args, ...at());
}

/** What it wrote, of one that has to succeed. */
async function output(...args: string[]): Promise<string> {
  const { code, output: text, errors } = await llmq(...args);
  expect([code, errors]).toEqual([0, '']);
  return text;
}

async function json(...args: string[]): Promise<Json> {
  return JSON.parse(await output(...args, '--json'));
}

function starting(...args: string[]): StartedCommand {
  const command = startLlmq(service.dataDir, ...args, ...at());
  started.push(command);
  return command;
}

describe('llmq submit', () => {
  it('writes the id alone, for scripts', async () => {
    const id = (await output('submit', 'What is', 'one? [[demo:rate 0]]', '-u', 'ann', '-p', 'high')).trim();
    const message = await json('get', id);
    expect(message).toMatchObject({ id, user_id: 'ann', priority: 'high', priority_reason: 'explicit' });
    expect(message.content).toBe('What is one? [[demo:rate 0]]');
  });

  it('waits for the answer, whole or as it comes, and writes it alone', async () => {
    const whole = await json('submit', '--wait', 'What is two? [[demo:rate 0]]');
    expect(whole.status).toBe('completed');
    expect(await output('submit', '--wait', 'What is two? [[demo:rate 0]]')).toBe(
      `${whole.result.content}\n`,
    );
    expect(await output('submit', '--stream', 'What is two? [[demo:rate 0]]')).toBe(
      `${whole.result.content}\n`,
    );
    const events = (await output('submit', '--stream', '--json', 'What is two? [[demo:rate 0]]')).trim();
    const types = events.split('\n').map((line) => JSON.parse(line).type);
    expect([types[0], types.at(-1)]).toEqual(['status', 'ended']);
    expect(types).toContain('piece');
  });

  it('asks what is in a file or piped in, and takes whole bodies', async () => {
    const file = join(service.dataDir, 'question.txt');
    await writeFile(file, 'From a file. [[demo:rate 0]]');
    const { id } = await json('submit', '--file', file);
    expect((await json('get', id)).content).toBe('From a file. [[demo:rate 0]]');
    const piped = await runLlmqReading(service.dataDir, 'From a pipe. [[demo:rate 0]]', 'submit', ...at());
    expect((await json('get', piped.output.trim())).content).toBe('From a pipe. [[demo:rate 0]]');
    const both = ['submit', 'Look at this:', '--file', '-', ...at()];
    const joined = await runLlmqReading(service.dataDir, 'a line', ...both);
    expect((await json('get', joined.output.trim())).content).toBe('Look at this:\n\na line');
    const body = JSON.stringify({ user_id: 'eve', model: 'demo', input: ['one'] });
    const vectors = await runLlmqReading(service.dataDir, body, 'submit', '--body', '--wait', ...at());
    expect([vectors.code, JSON.parse(vectors.output)]).toMatchObject([
      ...[0, [{ embedding: expect.anything() }]],
    ]);
  });

  it('submits once what has the same key', async () => {
    const first = await output('submit', 'Once.', '--key', 'order-1', '-u', 'ann');
    expect(await output('submit', 'Once.', '--key', 'order-1', '-u', 'ann')).toBe(first);
  });

  it('ends with a code of its own for each way to fail', async () => {
    const failed = await llmq('submit', '--wait', '[[demo:fail 400]]');
    expect(failed).toMatchObject({ code: 4, output: '' });
    expect(failed.errors).toMatch(/^llmq: The message \S+ is failed: .*\(endpoint_rejected\)\n$/);
    expect(await llmq('submit', 'x', '--model', 'none')).toMatchObject({ code: 1, output: '' });
    expect(await llmq('submit')).toMatchObject({
      code: 1,
      errors: expect.stringContaining('nothing to submit'),
    });
    const late = await llmq('submit', 'Later.', '--delay', '1h', '--timeout', '300ms');
    expect(late).toMatchObject({ code: 7, errors: expect.stringContaining('It goes on: llmq watch') });
    const nowhere = ['submit', 'x', '--url', `http://127.0.0.1:${await freePort()}`];
    expect(await runLlmq(service.dataDir, ...nowhere)).toMatchObject({ code: 2, output: '' });
  });
});

describe('llmq get', () => {
  it('shows a message, its answer alone, and its timeline', async () => {
    const { id, result } = await json('submit', '--wait', 'Show this. [[demo:rate 0]]');
    const shown = await output('get', id);
    expect(shown).toMatch(/^message {7}\S+\nstatus {8}completed\n/);
    expect(shown.endsWith(`\n\n${result.content}\n`)).toBe(true);
    expect(await output('get', id, '--answer')).toBe(`${result.content}\n`);
    expect(await output('get', id, '--events')).toMatch(/^time +what happened\n/);
    await eventually(async () => {
      const types = (await json('get', id, '--events')).data.map(({ type }: Json) => type);
      expect([types[0], types.at(-1)]).toEqual(['llmq.message.received.v1', 'llmq.message.completed.v1']);
    });
  });

  it('ends with 3 where there is no such message', async () => {
    const unknown = await llmq('get', '01a2b3c4-0000-7000-8000-000000000000');
    expect(unknown).toMatchObject({ code: 3, output: '', errors: expect.stringContaining('404') });
  });
});

describe('llmq watch', () => {
  it('writes the answer of a message, also of one that has ended', async () => {
    const { id, result } = await json('submit', '--wait', 'Watched. [[demo:rate 0]]');
    expect(await output('watch', id)).toBe(`${result.content}\n`);
  });

  it('tells of all messages of a user until it is interrupted', async () => {
    const watching = starting('watch', '--user', 'zoe');
    const ids: string[] = [];
    await eventually(
      async () => {
        ids.push((await output('submit', 'Heard? [[demo:rate 0]]', '-u', 'zoe')).trim());
        expect(ids).not.toContain('');
        await eventually(
          () => {
            const told = watching.lines().join('\n');
            expect(ids.filter((id) => told.includes(`${id}  completed`))).not.toEqual([]);
          },
          { withinMs: 2_000 },
        );
      },
      { withinMs: 180_000 },
    );
    watching.process.kill('SIGINT');
    expect(await once(watching.process, 'exit')).toEqual([0, null]);
  });

  it('wants one thing to watch', async () => {
    expect(await llmq('watch')).toMatchObject({ code: 1, output: '' });
  });
});

describe('llmq cancel', () => {
  it('cancels what waits, and goes on behind what can not be cancelled', async () => {
    const ended = (await json('submit', '--wait', 'Ended. [[demo:rate 0]]')).id;
    const waits = (await output('submit', 'Later.', '--delay', '1h')).trim();
    expect(await llmq('cancel', ended, waits)).toMatchObject({
      ...{ code: 1, output: `${waits}  cancelled\n` },
      errors: expect.stringContaining('409'),
    });
    const watched = await llmq('watch', waits);
    expect([watched.code, watched.errors]).toEqual([4, expect.stringContaining('is cancelled')]);
  });
});

describe('llmq status', () => {
  it('tells of a service that is named, with its lanes', async () => {
    expect(await output('status')).toMatch(/ is healthy.*\n\nlane +waiting +running/);
    const told = await json('status');
    expect(told.lanes.map(({ lane }: Json) => lane)).toEqual(['realtime', 'high', 'normal', 'low']);
  });
});

describe('llmq with keys', () => {
  it('takes one from its environment, and ends with 5 without one that may do it', async () => {
    const status = ['status', '--url', service.baseUrl];
    const named = await runLlmqWith(service.dataDir, { LLMQ_KEY: viewer.key }, ...status);
    expect(named).toMatchObject({ code: 0, errors: '' });
    const without = await runLlmq(service.dataDir, 'submit', 'x', '--url', service.baseUrl);
    expect(without).toMatchObject({ code: 5, errors: expect.stringContaining('--api-key (or LLMQ_KEY)') });
    const dlq = await runLlmqWith(
      service.dataDir,
      { LLMQ_KEY: viewer.key, LLMQ_URL: service.baseUrl },
      'dlq',
      'list',
    );
    expect(dlq).toMatchObject({ code: 5, output: '' });
  });
});

describe('llmq top', () => {
  it('shows lanes, workers and endpoints once where nobody watches, and to programs over and over', async () => {
    const shown = await eventually(async () => {
      const text = await output('top');
      expect(text).toMatch(/ workers 1 .*\n\nlane [\s\S]*\nrealtime [\s\S]*\nendpoint [\s\S]*\ndemo /);
      return text;
    });
    expect(shown).not.toContain('\u001b');
    const looking = starting('top', '--json', '--interval', '50ms');
    await eventually(() => expect(looking.lines().length).toBeGreaterThan(2));
    expect(JSON.parse(looking.lines()[0]!)).toMatchObject({ lanes: { data: expect.any(Array) } });
    looking.process.kill('SIGINT');
    expect(await once(looking.process, 'exit')).toEqual([0, null]);
    const view = ['top', '--once', '--url', service.baseUrl, '--api-key', viewer.key];
    expect((await runLlmq(service.dataDir, ...view)).output).toContain('shown to the key of an operator');
  });
});

describe('llmq dlq', () => {
  const failing = async (user: string) => {
    const { output: text } = await llmq('submit', '--wait', '--json', '[[demo:fail 400]]', '-u', user);
    return JSON.parse(text).id as string;
  };

  it('lists what failed, shows its attempts, puts it back and takes it off', async () => {
    const [one, two] = [await failing('dora'), await failing('dora')];
    const listed = () => json('dlq', 'list', '--user', 'dora');
    await eventually(async () =>
      expect((await listed()).map(({ id }: Json) => id).sort()).toEqual([one, two]),
    );
    expect(await output('dlq', 'list', '--user', 'dora')).toMatch(/^message +failed +lane/);
    expect(await output('dlq', 'show', one)).toMatch(
      new RegExp(`^${one} failed at .*\\n\\nAsked: .*\\n\\nattempt`),
    );
    expect(await output('dlq', 'requeue', one, '--reason', 'a trial')).toBe('1 requeued.\n');
    // The same request fails again.
    await eventually(async () => expect((await json('get', one)).attempts).toBe(2));
    await eventually(async () => expect(await listed()).toHaveLength(2));
    expect(await output('dlq', 'requeue', '--user', 'dora')).toBe('2 requeued.\n');
    expect(await llmq('dlq', 'requeue')).toMatchObject({ code: 1, output: '' });
    expect(await llmq('dlq', 'requeue', one, '--all')).toMatchObject({ code: 1, output: '' });
    await eventually(async () => {
      const attempts = await Promise.all([json('get', one), json('get', two)]);
      expect(attempts.map((message) => [message.status, message.attempts])).toEqual([
        ...[
          ['failed', 3],
          ['failed', 2],
        ],
      ]);
    });
    await eventually(async () => expect(await listed()).toHaveLength(2));
    expect(await output('dlq', 'discard', one, two)).toBe('2 discarded.\n');
    await eventually(async () =>
      expect(await output('dlq', 'list', '--user', 'dora')).toMatch(/^There are no/),
    );
  });
});

describe('llmq conversations', () => {
  it('makes, lists, reads, moves and erases them', async () => {
    const made = await json('conversations', 'create', '--id', 'trip', '--title', 'To Rome', '-u', 'ann');
    expect(made).toMatchObject({ id: 'trip', title: 'To Rome', user_id: 'ann' });
    await output('submit', '--wait', 'Where to? [[demo:rate 0]]', '-c', 'trip', '-u', 'ann');
    const list = () => output('conversations', 'list', '--user', 'ann');
    await eventually(async () => expect(await list()).toMatch(/trip +active +ann +1 .*To Rome/));
    expect(await output('conversations', 'show', 'trip')).toMatch(/^conversation {2}trip\n/);
    await eventually(async () => {
      const said = await output('conversations', 'messages', 'trip');
      expect(said).toMatch(/ {2}ann\nWhere to\? .*\n\ndemo\n./);
    });
    expect(await output('conversations', 'move', 'trip', 'archived')).toContain('archived');
    expect(await llmq('conversations', 'erase', 'trip')).toMatchObject({
      ...{ code: 1, errors: expect.stringContaining('--yes') },
    });
    expect(await output('conversations', 'erase', 'trip', '--yes')).toBe(
      'trip is erased, with 1 messages.\n',
    );
    expect((await llmq('conversations', 'show', 'trip')).code).toBe(3);
  });
});

describe('llmq endpoints', () => {
  it('shows how they do, and changes them', async () => {
    expect(await output('endpoints', 'list')).toMatch(/^endpoint .*\n-+.*\ndemo /);
    expect(await output('endpoints', 'show', 'demo')).toMatch(/^demo is [\s\S]*\nmodel /);
    expect(await output('endpoints', 'drain', 'demo', '--reason', 'new disks')).toMatch(/^demo gets no new/);
    await eventually(async () =>
      expect(await output('endpoints', 'show', 'demo')).toMatch(/^demo is drained \(new disks\)/),
    );
    expect(await output('endpoints', 'undrain', 'demo')).toBe('demo gets calls again.\n');
    expect((await json('endpoints', 'change', 'demo', '--set', 'weight=2')).weight).toBe(2);
    const described = { name: 'far', base_url: 'http://10.0.0.5:8000/v1', models: ['far-model'] };
    const args = ['endpoints', 'add', ...at()];
    const added = await runLlmqReading(service.dataDir, JSON.stringify(described), ...args);
    expect(added).toMatchObject({ code: 0, output: 'far is registered.\n', errors: '' });
    expect(await output('endpoints', 'remove', 'far', '--yes')).toBe('far is removed.\n');
  });
});

describe('llmq batch', () => {
  const linesOf = (contents: readonly string[]) =>
    contents
      .map((content, at) => ({
        custom_id: `line-${at}`,
        body: { model: 'demo', messages: [{ role: 'user', content }] },
      }))
      .map((line) => `${JSON.stringify(line)}\n`)
      .join('');

  it('uploads a file, follows the batch to its end, and fetches the results', async () => {
    const file = join(service.dataDir, 'lines.jsonl');
    await writeFile(file, linesOf(['one [[demo:rate 0]]', 'two [[demo:rate 0]]']));
    const id = (await output('batch', 'upload', file)).trim();
    expect(await output('batch', 'watch', id)).toMatch(
      /^batch +batch_\S+\nstatus +completed: 2 of 2 lines\n/,
    );
    expect(await output('batch', 'list')).toContain(id);
    expect((await json('batch', 'get', id)).lines).toEqual({ total: 2, completed: 2, failed: 0 });
    const results = (await output('batch', 'fetch', id)).trim().split('\n');
    expect(results.map((line) => JSON.parse(line).custom_id).sort()).toEqual(['line-0', 'line-1']);
    const into = join(service.dataDir, 'results.jsonl');
    expect((await llmq('batch', 'fetch', id, '-o', into)).code).toBe(0);
    expect((await readFile(into, 'utf8')).trim().split('\n').sort()).toEqual(results.sort());
  });

  it('takes lines from a pipe, and ends with 4 unless each has its answer', async () => {
    const args = ['batch', 'upload', '-', '--watch', ...at()];
    const some = await runLlmqReading(
      service.dataDir,
      linesOf(['[[demo:fail 400]]', 'a [[demo:rate 0]]']),
      ...args,
    );
    expect(some).toMatchObject({ code: 4, output: expect.stringContaining('2 of 2 lines, 1 failed') });
    const wrong = await runLlmqReading(service.dataDir, '{"custom_id": 1}\n', ...args);
    expect(wrong).toMatchObject({ code: 4, output: expect.stringContaining('line 1') });
  });
});

describe('llmq chat', () => {
  it('has a turn for each line, in a conversation that can be gone on with', async () => {
    const args = ['chat', '--conversation', 'talk', '-u', 'ann', ...at()];
    const lines =
      'First. [[demo:rate 0]]\n/nothing\nSecond, \\\nin two lines. [[demo:rate 0]]\n/exit\nnot said\n';
    const talked = await runLlmqReading(service.dataDir, lines, ...args);
    expect([talked.code, talked.errors]).toEqual([0, 'There is no /nothing. /help tells what there is.\n']);
    const turns = await eventually(async () => {
      const found = await json('conversations', 'messages', 'talk');
      expect(found.map(({ status }: Json) => status)).toEqual(['completed', 'completed']);
      return found;
    });
    expect(turns.map(({ content }: Json) => content)).toEqual([
      ...['First. [[demo:rate 0]]', 'Second, \nin two lines. [[demo:rate 0]]'],
    ]);
    expect(talked.output).toBe(turns.map(({ result }: Json) => `${result.content}\n`).join(''));
    const again = await runLlmqReading(service.dataDir, 'Third. [[demo:fail 400]]\n', ...args);
    expect([again.code, again.output]).toEqual([4, '']);
  });
});

describe('llmq completion', () => {
  it('knows all commands with their options', async () => {
    const { code, output: script } = await runLlmq(service.dataDir, 'completion', 'bash');
    expect(code).toBe(0);
    for (const words of ['"batch upload"', '"events tail"', '"submit --priority"', 'requeue'])
      expect(script).toContain(words);
    expect((await runLlmq(service.dataDir, 'completion', 'tcsh')).code).toBe(1);
  });
});

describe('the packed project', () => {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await removeTempDir(folder);
  });

  it('holds all that the command needs', async () => {
    const run = promisify(execFile);
    const project = resolve(import.meta.dirname, '../..');
    const folder = await makeTempDir('llmq-packed');
    folders.push(folder);
    // The build is there already, and must not be made anew below other tests.
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: project });
    await run('tar', ['xzf', join(folder, `llm-message-queue-${VERSION}.tgz`), '-C', folder]);
    const installed = join(folder, 'package');
    await symlink(join(project, 'node_modules'), join(installed, 'node_modules'));
    const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    const llmqAt = (...args: string[]) =>
      run(process.execPath, [join(installed, manifest.bin.llmq), ...args], { cwd: folder });
    expect(await llmqAt('--version')).toEqual({ stdout: `${VERSION}\n`, stderr: '' });
    const { stdout } = await llmqAt('submit', '--wait', 'Packed. [[demo:rate 0]]', ...at());
    expect(stdout).not.toBe('');
  });
});
