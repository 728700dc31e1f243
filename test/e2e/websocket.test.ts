import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../src/platform/security/api-key.js';
import { chromium, startBrowser } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { serveFiles } from '../support/file-server.js';
import { FrameSocket, joined } from '../support/frame-socket.js';
import { type RunningService, startService } from '../support/service.js';

const run = promisify(execFile);
const PROJECT = resolve(import.meta.dirname, '../..');
const client = newApiKey({ name: 'page', role: 'client', tenant: 'red' });

let service: RunningService | undefined;

afterEach(async () => {
  await service?.stop();
  service = undefined;
});
afterAll(async () => service?.stop());

async function start(config: Record<string, unknown> = {}): Promise<string> {
  service = await startService({ config });
  return service.baseUrl;
}

describe('2,000 idle and 200 active WebSockets', () => {
  it('are served by one process', async () => {
    const baseUrl = await start({
      demo: { tokens_per_second: 200 },
      queue: { worker: { concurrency: 100 } },
    });
    const before = await residentBytes(service!.pid);
    const idle: FrameSocket[] = [];
    for (let opened = 0; opened < 2_000; opened += 100) {
      idle.push(...(await Promise.all(Array.from({ length: 100 }, () => FrameSocket.open(baseUrl)))));
    }
    const after = await residentBytes(service!.pid);
    const active = await Promise.all(Array.from({ length: 200 }, () => FrameSocket.open(baseUrl)));
    const texts = await Promise.all(
      active.map(async (socket, at) => {
        const message = { user_id: `user-${at}`, content: `What is lane ${at}?`, priority: 'high' };
        await socket.ask({ type: 'submit', request_id: 'mine', message, subscribe: true });
        const frames = await socket.untilEnded('mine');
        expect(joined(frames)).toBe(frames.at(-1).message.result.content);
        return joined(frames);
      }),
    );
    for (const [at, text] of texts.entries()) expect(text).toContain(`lane ${at}`);
    const pongs = await Promise.all(idle.map((socket) => socket.ask({ type: 'ping' })));
    expect(pongs.every(({ type }) => type === 'pong')).toBe(true);
    await eventually(async () => {
      const metrics = await (await fetch(`${baseUrl}/metrics`)).text();
      expect(metrics).toMatch(/^llmq_websocket_open(\{.*\})? 2200\b/m);
    });
    // An idle one costs its socket and little more.
    expect((after - before) / 2_000).toBeLessThan(60 * 1024);
    for (const socket of [...idle, ...active]) socket.socket.terminate();
  }, 600_000);
});

describe('examples/websocket.mjs', () => {
  it('prints an answer that was cut on its way, whole', async () => {
    const baseUrl = await start();
    const { LLMQ_KEY: _key, LLMQ_MODEL: _model, ...env } = process.env;
    const { stdout } = await run(process.execPath, [join(PROJECT, 'examples/websocket.mjs')], {
      cwd: PROJECT,
      env: { ...env, LLMQ_URL: baseUrl },
    });
    const data = await eventually(async () => {
      const list = (await (await fetch(`${baseUrl}/api/v1/messages`)).json()) as {
        data: { result: { content: string } | null }[];
      };
      expect(list.data).toMatchObject([{ result: { content: expect.any(String) } }]);
      return list.data;
    });
    expect(stdout).toBe(`${data[0]!.result!.content}\ncompleted\n`);
  }, 300_000);
});

/** Asks in a page, as a web application would, and joins the pieces. */
function pageScript(baseUrl: string, key: string): string {
  return `new Promise((resolve) => {
    const socket = new WebSocket(${JSON.stringify(`${baseUrl.replace(/^http/, 'ws')}/ws`)}, ['llmq.v1', 'llmq.key.${key}']);
    let text = '';
    socket.onopen = () => socket.send(JSON.stringify({
      type: 'submit', request_id: 'r', subscribe: true,
      message: { user_id: 'page', content: 'What is a queue?' },
    }));
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === 'piece') text += frame.delta.content ?? '';
      if (frame.type === 'ended') resolve({ text, whole: frame.message.result.content, protocol: socket.protocol });
    };
    socket.onclose = ({ code }) => resolve({ code });
  })`;
}

const browser = chromium();

describe('a page in Chromium', () => {
  // Where the machine has no Chromium, nothing can be said of it.
  (browser === null ? it.skip : it)(
    'of a named origin gets its answer in pieces; of another origin it gets nothing',
    async () => {
      const [own, foreign] = await Promise.all([
        serveFiles({ '/': '<!doctype html><title>App</title>' }),
        serveFiles({ '/': '<!doctype html><title>Elsewhere</title>' }),
      ]);
      const page = await startBrowser(browser!);
      try {
        const baseUrl = await start({
          server: { cors_origins: [own.baseUrl] },
          security: { api_keys: [client.config] },
        });
        const script = pageScript(baseUrl, client.key);
        const answer = (await page.evaluate(own.baseUrl, script)) as Record<string, string>;
        expect(answer).toMatchObject({ protocol: 'llmq.v1', text: answer['whole'] });
        expect(answer['text']).toContain('What is a queue?');
        expect(await page.evaluate(foreign.baseUrl, script)).toEqual({ code: 1006 });
        // The service's own page is of its own origin.
        expect(await page.evaluate(`${baseUrl}/`, script)).toMatchObject({ text: answer['whole'] });
      } finally {
        await page.close();
        await Promise.all([own.close(), foreign.close()]);
      }
    },
    300_000,
  );
});

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}
