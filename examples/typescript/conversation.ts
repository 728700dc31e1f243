import { answerOf, call, type Message } from './llmq.js';

// The service keeps the turns, orders them, and gives the model the history that fits.
const made = { user_id: 'ann', context: 'Answer briefly.' };
const conversation = await call<{ id: string }>('POST', '/api/v1/conversations', made);
const turns = `/api/v1/conversations/${conversation.id}/messages`;

for (const question of ['My name is Ann.', 'What is my name?']) {
  const turn = await call<Message>('POST', turns, { content: question });
  console.log('>', question);
  console.log(await answerOf(turn.id));
}

const { data } = await call<{ data: Message[] }>('GET', turns);
console.log(data.length, 'turns');
