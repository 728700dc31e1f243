// Submits a message over a WebSocket and prints its answer as it comes. The connection is cut once on the way, and resumed.
// Node.js 22 and browsers have WebSocket; Node.js 20 takes the package `ws`.
const WebSocket = globalThis.WebSocket ?? (await import('ws')).WebSocket;

const { LLMQ_URL: url = 'http://127.0.0.1:8080', LLMQ_KEY: key, LLMQ_MODEL: model = 'demo' } = process.env;
// Browsers send no headers of one's own, so a key may be a subprotocol.
const protocols = key === undefined ? ['llmq.v1'] : ['llmq.v1', `llmq.key.${key}`];

/** @type {string | null} */
let messageId = null;
/** @type {string | null} */
let lastId = null;
let pieces = 0;

function connect() {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, protocols);
  const send = (/** @type {object} */ frame) => socket.send(JSON.stringify(frame));
  socket.onopen = () => {
    if (messageId === null) {
      const message = { user_id: 'user123', content: 'What is a lane?', model, priority: 'high' };
      // With the key of idempotency, a repeated submission makes no second message.
      const idempotency_key = `example-${process.pid}-${Date.now()}`;
      send({ type: 'submit', request_id: 'ask', message, subscribe: true, idempotency_key });
    } else {
      send({ type: 'subscribe', request_id: 'go on', message_id: messageId, starting_after: lastId });
    }
  };
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.id != null) lastId = frame.id;
    switch (frame.type) {
      case 'accepted':
        messageId = frame.message.id;
        break;
      case 'piece':
        process.stdout.write(frame.delta.content ?? '');
        pieces += 1;
        if (pieces === 3) {
          // As a network would. The message goes on, and nothing of it is lost.
          socket.onmessage = null;
          socket.close();
          connect();
        }
        break;
      case 'restart':
        process.stdout.write('\n(from the beginning)\n');
        break;
      case 'ended':
        process.stdout.write(`\n${frame.message.status}\n`);
        socket.close();
        break;
      case 'error':
        process.stderr.write(`${frame.error.code}: ${frame.error.message}\n`);
        process.exitCode = 1;
        socket.close();
        break;
    }
  };
}

connect();
