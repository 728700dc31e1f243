import OpenAI from 'openai';
import { LLMQ_KEY, LLMQ_MODEL, LLMQ_URL } from './llmq.js';

const client = new OpenAI({ baseURL: `${LLMQ_URL}/v1`, apiKey: LLMQ_KEY, timeout: 600_000 });

const { data: stream, response } = await client.chat.completions
  .create({
    model: LLMQ_MODEL,
    messages: [{ role: 'user', content: 'What is a lane?' }],
    stream: true,
    service_tier: 'priority',
  })
  .withResponse();
// Known at once, so that the answer can be fetched later should the connection be lost.
console.log('message', response.headers.get('x-llmq-message-id'));
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
console.log();
