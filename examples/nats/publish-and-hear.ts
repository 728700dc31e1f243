// Publishes a message to NATS, and hears its result there. Needs @nats-io/transport-node and @nats-io/jetstream.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { jetstream } from '@nats-io/jetstream';
import { connect, nkeyAuthenticator } from '@nats-io/transport-node';

const servers = process.env['NATS_URL'] ?? 'nats://127.0.0.1:4222';
// A file with the seed that `npm run keys:create -- --nats` has printed.
const seed = readFileSync(process.env['LLMQ_NKEY_FILE'] ?? 'publisher.nk', 'utf8').trim();

const client = await connect({
  servers,
  authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
});
// A UUID as its name is the message's id. Published again under this name, it stays one message.
const name = randomUUID();
const results = client.subscribe(`llmq.results.${name}`, { max: 1 });
const message = { user_id: 'ann', content: 'What is a queue?' };
const ack = await jetstream(client).publish('llmq.intake.high', JSON.stringify(message), { msgID: name });
console.log('stored', ack.stream, ack.seq);
for await (const told of results) {
  const { status, result } = told.json<{ status: string; result: { content: string } }>();
  console.log(status, result.content);
}
// The same in one request.
const call = { ...message, content: 'What is a turn?', wait: '30s' };
const reply = await client.request('llmq.rpc.messages.submit', JSON.stringify(call), { timeout: 40_000 });
console.log(reply.json<{ data: { result: { content: string } } }>().data.result.content);
await client.drain();
