import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

// biome-ignore lint/suspicious/noExplicitAny: it looks into what it is sent.
type Json = any;

/** An endpoint that takes a chat only as OpenAI's documents describe it, and no longer than its context. */
export interface StrictChatServer {
  readonly url: string;
  /** The lists of messages that it answered, in their order. */
  readonly answered: Json[][];
  /** Why it refused. */
  readonly refused: string[];
  close(): Promise<void>;
}

const TOKEN = 4;

/**
 * Answers with what is asked last: `call <id> <id>` by these tool calls, `nothing` by an empty answer that was thought
 * about, anything else by words.
 *
 * @param contextTokens for the request with the `max_tokens` of its answer, at four characters each
 */
export async function startStrictChatServer(contextTokens: number): Promise<StrictChatServer> {
  const answered: Json[][] = [];
  const refused: string[] = [];
  const server = createServer(async (request, response) => {
    const text = await textOf(request);
    // A look at its health, or at its models.
    if (request.method !== 'POST') {
      response.statusCode = 404;
      response.end();
      return;
    }
    const { messages, model, max_tokens: room = 0 } = JSON.parse(text);
    const tokens = Math.ceil(JSON.stringify(messages).length / TOKEN) + room;
    const wrong = [
      ...wrongIn(messages),
      ...(tokens > contextTokens ? [`${tokens} tokens are more than ${contextTokens}`] : []),
    ];
    response.setHeader('content-type', 'application/json');
    if (wrong.length > 0) {
      refused.push(wrong.join('; '));
      response.statusCode = 400;
      response.end(JSON.stringify({ error: { message: wrong.join('; '), type: 'invalid_request_error' } }));
      return;
    }
    answered.push(messages);
    const choice = { index: 0, finish_reason: 'stop', message: answerTo(messages.at(-1)) };
    const usage = { prompt_tokens: tokens, completion_tokens: 1, total_tokens: tokens + 1 };
    const whole = { id: 'x', object: 'chat.completion', created: 1, model, choices: [choice], usage };
    response.end(JSON.stringify(whole));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    ...{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, answered, refused },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerTo({ content }: Json): Json {
  const [word, ...ids] = typeof content === 'string' ? content.split(' ') : [];
  if (word === 'nothing') return { role: 'assistant', content: null, reasoning_content: 'Hm.' };
  if (word !== 'call')
    return { role: 'assistant', content: `I heard: ${content}`, reasoning_content: 'Hm.', annotations: [] };
  const calls = ids.map((id) => ({ id, type: 'function', function: { name: 'look', arguments: '{}' } }));
  return { role: 'assistant', content: null, tool_calls: calls };
}

function wrongIn(messages: Json[]): string[] {
  const wrong: string[] = [];
  let open: string[] = [];
  for (const [index, { role, content, tool_calls: calls, tool_call_id: id, ...more }] of messages.entries()) {
    if (role === 'tool' && !open.includes(id)) wrong.push(`messages[${index}] is a result without its call`);
    if (role !== 'tool' && open.length > 0) wrong.push(`calls before messages[${index}] have no result`);
    open = role === 'tool' ? open.filter((each) => each !== id) : (calls ?? []).map((each: Json) => each.id);
    if (role === 'system' && index > 0) wrong.push(`messages[${index}] is a system message`);
    if (content == null && calls === undefined) wrong.push(`messages[${index}] has no content`);
    if (content === '') wrong.push(`messages[${index}] has an empty content`);
    for (const name of Object.keys(more)) if (name !== 'name') wrong.push(`messages[${index}] has ${name}`);
  }
  return wrong;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
