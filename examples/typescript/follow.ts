import { call, LLMQ_KEY, LLMQ_MODEL, LLMQ_URL, type Message } from './llmq.js';

const asked = { user_id: 'ann', content: 'What is a piece?', model: LLMQ_MODEL };
const { id } = await call<Message>('POST', '/api/v1/messages', asked);

let lastId = '0';
let answer = '';
/** Reads the stream behind `lastId`. True at its end; false where it was cut. In browsers `EventSource` does this by itself. */
async function follow(cutAfter = Number.POSITIVE_INFINITY): Promise<boolean> {
  const url = `${LLMQ_URL}/api/v1/messages/${id}/stream?starting_after=${lastId}`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${LLMQ_KEY}` } });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  let text = '';
  let pieces = 0;
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    const events = text.split('\n\n');
    text = events.pop()!;
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (data === undefined) continue;
      lastId = /^id: (.*)$/m.exec(event)?.[1] ?? lastId;
      const told = JSON.parse(data);
      if (told.type === 'status') console.log(told.message.status, told.message.position ?? '');
      if (told.type === 'restart') answer = '';
      if (told.type === 'piece') answer += told.delta.content ?? '';
      if (told.type === 'piece') pieces += 1;
      if (told.type === 'ended') return true;
      if (pieces === cutAfter) return false;
    }
  }
  return false;
}

// The connection is lost after two pieces. Whoever comes back with the last id misses nothing.
let ended = await follow(2);
while (!ended) ended = await follow();
console.log(answer);
