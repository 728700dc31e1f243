import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoCompletion } from './demo-completion.js';
import type { DemoScript, DemoTrouble } from './demo-directives.policy.js';
import { DemoRefusal } from './demo-request.js';

export interface DemoReply {
  readonly kind: 'chat' | 'text';
  readonly id: string;
  readonly model: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly completion: DemoCompletion;
  readonly script: DemoScript;
  /** What goes wrong in this very call. */
  readonly trouble: DemoTrouble | null;
  readonly tokensPerSecond: number;
  readonly includeUsage: boolean;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** Sends the whole completion, after the time that its tokens take. @throws {DemoRefusal} where the script wants it */
export async function replyWhole(response: ServerResponse, reply: DemoReply): Promise<void> {
  await begin(response, reply);
  for await (const _ of pace(told(reply), reply.tokensPerSecond, reply.signal));
  if (reply.trouble !== null) return suffer(response, reply.trouble, reply.signal);
  const { choices, usage } = reply.completion;
  sendJson(response, 200, {
    ...envelope(reply, reply.kind === 'chat' ? 'chat.completion' : 'text_completion'),
    choices: choices.map(({ said, finishReason }, index) => ({
      ...{ index, ...said, logprobs: null, finish_reason: finishReason },
    })),
    ...(reply.script.noUsage ? {} : { usage }),
  });
}

/** Sends the completion as server-sent events, token by token. */
export async function replyStreamed(response: ServerResponse, reply: DemoReply): Promise<void> {
  await begin(response, reply);
  const object = reply.kind === 'chat' ? 'chat.completion.chunk' : 'text_completion';
  const chunk = (said: object, finishReason: string | null) =>
    event({
      ...envelope(reply, object),
      choices: [{ index: 0, ...said, logprobs: null, finish_reason: finishReason }],
    });
  const piece = (delta: object) => (reply.kind === 'chat' ? { delta } : delta);
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
  });
  for await (const deltas of pace(told(reply), reply.tokensPerSecond, reply.signal)) {
    const more = response.write(deltas.map((delta) => chunk(piece(delta), null)).join(''));
    if (!more) await once(response, 'drain', { signal: reply.signal });
  }
  if (reply.trouble !== null) return suffer(response, reply.trouble, reply.signal);
  const { choices, usage } = reply.completion;
  const withUsage = reply.includeUsage && !reply.script.noUsage;
  response.end(
    [
      ...choices.map(({ finishReason }, index) =>
        chunk(reply.kind === 'chat' ? { delta: {} } : { index, text: '' }, finishReason),
      ),
      withUsage ? event({ ...envelope(reply, object), choices: [], usage }) : '',
      reply.script.noDone ? '' : 'data: [DONE]\n\n',
    ].join(''),
  );
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** What happens before the first token. @throws {DemoRefusal} where the script wants it */
export async function begin(
  response: ServerResponse,
  { script, trouble, signal }: Pick<DemoReply, 'script' | 'trouble' | 'signal'>,
): Promise<void> {
  await sleep(script.slowMs, undefined, { signal });
  if (trouble === null) return;
  if (trouble.kind === 'status') {
    if (trouble.retryAfter !== null) response.setHeader('retry-after', trouble.retryAfter);
    throw new DemoRefusal(
      trouble.status,
      `The demo model was told to fail with ${trouble.status}.`,
      'demo_failure',
    );
  }
  if (trouble.after === null && trouble.kind !== 'garbage') await suffer(response, trouble, signal);
}

/** The deltas that are sent, cut where the trouble begins. */
function told({ completion, trouble }: DemoReply): readonly Record<string, unknown>[] {
  return trouble === null ? completion.deltas : completion.deltas.slice(0, trouble.after ?? 0);
}

/** Ends a call as a directive wants it. Comes back only where the response has an end. */
async function suffer(response: ServerResponse, trouble: DemoTrouble, signal: AbortSignal): Promise<void> {
  switch (trouble.kind) {
    case 'hang':
      await once(signal, 'abort');
      return signal.throwIfAborted();
    case 'break':
      // What was written before should arrive before the connection ends.
      if (response.headersSent) await new Promise((resolve) => response.write('', resolve));
      response.destroy();
      throw new DemoBreak();
    case 'garbage':
      response.end('data: {"choices":[{"delta":{"con\n\n');
      return;
    case 'error':
    case 'status': {
      const refusal = new DemoRefusal(500, 'The demo model was told to fail in its answer.', 'demo_failure');
      if (!response.headersSent) throw refusal;
      response.end(`data: ${refusal.body}\n\n`);
    }
  }
}

/** The connection was closed on purpose. */
export class DemoBreak extends Error {}

function envelope({ id, model, created }: DemoReply, object: string): Record<string, unknown> {
  return { id, object, created, model, system_fingerprint: 'demo' };
}

function event(chunk: object): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

/** So many at once at most, so that even an unlimited rate lets other calls in between. */
const MOST_AT_ONCE = 64;

/**
 * Gives the items at a steady rate, the first at once. Timers are no finer than a millisecond, so higher rates give
 * several items together. Throws the signal's reason when it aborts.
 */
async function* pace<T>(
  items: readonly T[],
  perSecond: number,
  signal: AbortSignal,
): AsyncGenerator<readonly T[]> {
  const startedMs = performance.now();
  let given = 0;
  while (given < items.length) {
    signal.throwIfAborted();
    const due = Math.floor(((performance.now() - startedMs) / 1_000) * perSecond) + 1;
    const upTo = Math.min(items.length, given + MOST_AT_ONCE, due);
    if (upTo > given) {
      yield items.slice(given, upTo);
      given = upTo;
    } else {
      await sleep(startedMs + (given / perSecond) * 1_000 - performance.now(), undefined, { signal });
    }
  }
}
