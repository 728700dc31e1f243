import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type RunningService, startService } from '../support/service.js';

const GUIDE = resolve(import.meta.dirname, '../../docs/guide.md');
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

/** The blocks of `http`: requests, each with its answer behind it. */
function exchanges(): Exchange[] {
  const blocks = readFileSync(GUIDE, 'utf8')
    .split(/^```/m)
    .filter((_, index) => index % 2 === 1)
    .filter((block) => block.startsWith('http\n'))
    .map((block) => shown(block.slice('http\n'.length)));
  if (blocks.length % 2 !== 0) throw new Error('The guide has a request without an answer.');
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

describe('the guide', () => {
  let service: RunningService;
  /** What stands for `{name}`, from where it was first told. */
  const named = new Map<string, string>();

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(async () => service?.stop());

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
    // Lists are some milliseconds behind, as the guide says.
    if (shown.request.firstLine.startsWith('GET ')) await eventually(() => exchange(shown));
    else await exchange(shown);
  });
});
