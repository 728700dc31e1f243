import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { demoAnswer } from '../../src/demo-model/demo-answer.policy.js';
import { eventually } from '../support/eventually.js';
import { machineTool } from '../support/machine-tool.js';
import { type RunningService, startService } from '../support/service.js';

const run = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');
const API_DOCUMENT = join(PROJECT, 'docs/api.md');
const README = join(PROJECT, 'README.md');
const PLACEHOLDER = /^\{(\w+)\}$/;

interface Shown {
  readonly firstLine: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

interface Exchange {
  readonly title: string;
  readonly request: Shown;
  readonly answer: Shown;
}

/** What is between fences of a language. */
function codeBlocks(path: string, language: string): string[] {
  return readFileSync(path, 'utf8')
    .split(/^```/m)
    .filter((_, index) => index % 2 === 1)
    .filter((block) => block.startsWith(`${language}\n`))
    .map((block) => block.slice(language.length + 1));
}

/** The blocks of `http`: requests, each with its answer behind it. */
function exchanges(): Exchange[] {
  const blocks = codeBlocks(API_DOCUMENT, 'http').map(shown);
  if (blocks.length % 2 !== 0) throw new Error('docs/api.md has a request without an answer.');
  return blocks.flatMap((request, at) =>
    at % 2 === 0 ? [{ title: `${at / 2 + 1}: ${request.firstLine}`, request, answer: blocks[at + 1]! }] : [],
  );
}

function shown(block: string): Shown {
  const [head = '', ...body] = block.split('\n\n');
  const [firstLine = '', ...lines] = head.trim().split('\n');
  const headers = lines.map((line) => {
    const at = line.indexOf(':');
    return [line.slice(0, at), line.slice(at + 1).trim()] as const;
  });
  return { firstLine, headers, body: body.join('\n\n').trim() };
}

let service: RunningService;

beforeAll(async () => {
  service = await startService();
});
afterAll(async () => service?.stop());

describe('docs/api.md', () => {
  /** What stands for `{name}`, from where it was first told. */
  const named = new Map<string, string>();

  const filled = (text: string) => text.replace(/\{(\w+)\}/g, (all, name: string) => named.get(name) ?? all);

  /** What is shown is there; what is not shown does not matter. */
  function expectShown(is: unknown, says: unknown, path: string): void {
    const name = typeof says === 'string' ? PLACEHOLDER.exec(says)?.[1] : undefined;
    if (name !== undefined && !named.has(name)) {
      expect([path, is]).toEqual([path, expect.any(String)]);
      named.set(name, String(is));
    }
    if (says === '...') expect([path, is]).toEqual([path, expect.anything()]);
    else if (name !== undefined) expect([path, is]).toEqual([path, named.get(name)]);
    else if (Array.isArray(says)) {
      expect([path, (is as unknown[] | undefined)?.length]).toEqual([path, says.length]);
      for (const [at, value] of says.entries()) expectShown((is as unknown[])[at], value, `${path}[${at}]`);
    } else if (typeof says === 'object' && says !== null) {
      for (const [key, value] of Object.entries(says)) {
        expectShown((is as Record<string, unknown> | undefined)?.[key], value, `${path}.${key}`);
      }
    } else expect([path, is]).toEqual([path, says]);
  }

  async function exchange({ request, answer }: Exchange): Promise<void> {
    expect(answer.firstLine).toMatch(/^HTTP\/1\.1 \d{3} /);
    const [method, path] = request.firstLine.split(' ');
    const response = await fetch(service.baseUrl + filled(path!), {
      method: method!,
      headers: {
        ...(request.body === '' ? {} : { 'content-type': 'application/json' }),
        ...Object.fromEntries(request.headers),
      },
      ...(request.body === '' ? {} : { body: filled(request.body) }),
    });
    const { status, headers } = response;
    const body: unknown = await response.json();
    expect({ status, body }).toMatchObject({ status: Number(answer.firstLine.split(' ')[1]) });
    for (const [name, value] of answer.headers) expect(headers.get(name)).toBe(value);
    expectShown(body, JSON.parse(answer.body), 'answer');
  }

  it.each(exchanges())('tells what happens to $title', async (shown) => {
    // Lists are some milliseconds behind, as the page says.
    if (shown.request.firstLine.startsWith('GET ')) await eventually(() => exchange(shown));
    else await exchange(shown);
  });
});

describe('the examples of the README', () => {
  const ANSWER = demoAnswer([{ role: 'user', content: 'What is a queue?' }]);
  const here = (code: string) => code.replaceAll('http://127.0.0.1:8080', service.baseUrl);

  (machineTool('curl') === null ? it.skip : it)(
    'submit a message with curl, and wait for its answer',
    async () => {
      const commands = codeBlocks(README, 'sh').find((block) => block.startsWith('curl '))!;
      const [submit, wait] = here(commands).split(/^(?=curl -s ")/m);
      const submitted = JSON.parse(await shell(submit!));
      expect(submitted).toMatchObject({ user_id: 'ann', priority: 'high' });
      expect(JSON.parse(await shell(`ID=${submitted.id}; ${wait}`))).toMatchObject({
        status: 'completed',
        result: { content: ANSWER },
      });
    },
  );

  it('ask with the openai package', async () => {
    const [program] = codeBlocks(README, 'ts');
    // It has no types, so that every Node runs it as it is.
    const args = ['--input-type=module', '--eval', here(program!)];
    const { stdout } = await run(process.execPath, args, { cwd: PROJECT });
    expect(stdout.trim()).toBe(ANSWER.trim());
  });

  async function shell(command: string): Promise<string> {
    return (await run('/bin/sh', ['-c', command])).stdout;
  }
});
