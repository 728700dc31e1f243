import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import {
  type CommandRun,
  runLlmq,
  runLlmqReading,
  type StartedCommand,
  startLlmq,
} from '../support/llmq-command.js';
import { type RunningService, startService } from '../support/service.js';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
type Json = any;

let service: RunningService;

beforeAll(async () => {
  service = await startService();
});
afterAll(async () => service?.stop());

let started: StartedCommand[] = [];
// A test that failed has not interrupted its own.
afterEach(() => {
  for (const { process } of started) process.kill('SIGKILL');
  started = [];
});

const at = () => ['--url', service.baseUrl];

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
    expect([vectors.code, JSON.parse(vectors.output)]).toMatchObject([0, [{ index: 0 }]]);
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
    const types = (await json('get', id, '--events')).data.map(({ type }: Json) => type);
    expect([types[0], types.at(-1)]).toEqual(['llmq.message.received.v1', 'llmq.message.completed.v1']);
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
    const id = await eventually(async () => {
      const told = (await output('submit', 'Heard? [[demo:rate 0]]', '-u', 'zoe')).trim();
      await eventually(() => expect(watching.lines().join('\n')).toContain(`${told}  completed`), {
        withinMs: 2_000,
      });
      return told;
    });
    expect(id).not.toBe('');
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
