import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { machineTool } from './machine-tool.js';
import { makeTempDir, removeTempDir } from './temp-dir.js';

const LISTENING = /DevTools listening on (ws:\S+)/;

/** Where this machine has a Chromium; null where it has none. */
export function chromium(): string | null {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    const found = machineTool(name);
    if (found !== null) return found;
  }
  return null;
}

export interface Browser {
  /** What an expression in a page at this address comes to; a promise is waited for. */
  evaluate(url: string, expression: string): Promise<unknown>;
  close(): Promise<void>;
}

interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: the protocol has many shapes.
  readonly result?: any;
  readonly error?: { readonly message: string };
}

/** A Chromium without a window, told what to do by its own protocol. */
export async function startBrowser(program: string): Promise<Browser> {
  const profile = await makeTempDir('llmq-browser');
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
  ];
  const child = spawn(program, [...flags, '--remote-debugging-port=0', `--user-data-dir=${profile}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  const address = await listening(child.stderr);
  const socket = new WebSocket(address);
  await once(socket, 'open');
  const waiting = new Map<number, (answer: Answer) => void>();
  const events = new Set<(method: string, sessionId: string) => void>();
  socket.on('message', (data) => {
    const { id, method, sessionId, ...answer } = JSON.parse(String(data));
    if (id !== undefined) waiting.get(id)?.(answer);
    else for (const heard of events) heard(method, sessionId);
  });
  let last = 0;
  async function call(method: string, params: object = {}, sessionId?: string): Promise<Answer['result']> {
    last += 1;
    const id = last;
    const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    const { result, error } = await answered;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  }
  return {
    async evaluate(url, expression) {
      const { targetId } = await call('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
      await call('Page.enable', {}, sessionId);
      const loaded = new Promise<void>((resolve) => {
        const heard = (method: string, session: string) => {
          if (method !== 'Page.loadEventFired' || session !== sessionId) return;
          events.delete(heard);
          resolve();
        };
        events.add(heard);
      });
      await call('Page.navigate', { url }, sessionId);
      await loaded;
      const { result, exceptionDetails } = await call(
        'Runtime.evaluate',
        { expression, awaitPromise: true, returnByValue: true },
        sessionId,
      );
      await call('Target.closeTarget', { targetId });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    },
    async close() {
      socket.terminate();
      child.kill('SIGKILL');
      await exited;
      await removeTempDir(profile);
    },
  };
}

async function listening(stderr: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stderr })) {
    const found = LISTENING.exec(line)?.[1];
    if (found !== undefined) {
      stderr.resume();
      return found;
    }
  }
  throw new Error('The browser ended before it could be talked to.');
}
