import OpenAI from 'openai';
import { LLMQ_KEY, LLMQ_MODEL, LLMQ_URL } from './llmq.js';

// The queue may keep a request for longer than a model would take. A request that is repeated joins its first message.
const client = new OpenAI({ baseURL: `${LLMQ_URL}/v1`, apiKey: LLMQ_KEY, timeout: 600_000, maxRetries: 2 });

const completion = await client.chat.completions.create(
  { model: LLMQ_MODEL, messages: [{ role: 'user', content: 'What is a queue?' }] },
  { headers: { 'x-llmq-priority': 'high', 'x-llmq-user-id': 'ann' } },
);
console.log(completion.choices[0]?.message.content);
