import { answerOf, call, type Message } from './llmq.js';

interface Batch {
  readonly accepted: number;
  readonly rejected: number;
  readonly results: readonly Message[];
}

const messages = ['low', 'normal', 'high', 'realtime'].map((priority) => ({
  ...{ user_id: 'ann', content: `A question of priority ${priority}`, priority },
}));

const batch = await call<Batch>('POST', '/api/v1/messages/batch', { messages });
console.log(batch.accepted, 'accepted,', batch.rejected, 'rejected');
for (const { id, priority } of batch.results) console.log(priority, await answerOf(id));
