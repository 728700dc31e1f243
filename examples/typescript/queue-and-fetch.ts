import { answerOf, call, LLMQ_MODEL, type Message } from './llmq.js';

// With this header the request can be sent again after a lost connection: the message is stored once.
const key = { 'idempotency-key': crypto.randomUUID() };
const message = { user_id: 'ann', content: 'What is a turn?', model: LLMQ_MODEL, priority: 'low' };

const accepted = await call<Message>('POST', '/api/v1/messages', message, key);
const again = await call<Message>('POST', '/api/v1/messages', message, key);
if (again.id !== accepted.id) throw new Error('The message was stored twice.');

console.log('accepted', accepted.id, accepted.priority);
console.log(await answerOf(accepted.id));
