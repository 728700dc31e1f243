/** Is told when a message has ended, by a webhook that it verifies with the service's secret. */
import { createServer } from 'node:http';
import OpenAI from 'openai';
import { call } from './llmq.js';

interface MessageEnded {
  readonly type: string;
  readonly data: { readonly id: string; readonly status: string };
}

const { LLMQ_HOOK_SECRET = '', LLMQ_HOOK_PORT = '8787' } = process.env;
const { webhooks } = new OpenAI({ apiKey: 'none', webhookSecret: LLMQ_HOOK_SECRET });

const receiver = createServer(async (request, response) => {
  let body = '';
  for await (const part of request.setEncoding('utf8')) body += part;
  try {
    // It throws for what somebody else sent, and for what is older than five minutes. The SDK's types know OpenAI's events only.
    const event = (await webhooks.unwrap(body, request.headers as Record<string, string>)) as unknown;
    const { type, data } = event as MessageEnded;
    response.writeHead(204).end();
    console.log(type, data.id, data.status);
    receiver.close();
  } catch {
    response.writeHead(400).end();
  }
});

receiver.listen(Number(LLMQ_HOOK_PORT), '127.0.0.1', async () => {
  const callback_url = `http://127.0.0.1:${LLMQ_HOOK_PORT}/`;
  await call('POST', '/api/v1/messages', { user_id: 'ann', content: 'What is a webhook?', callback_url });
});
