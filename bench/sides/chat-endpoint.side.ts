import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { sharedClockMs } from '../chat/clock.js';
import { HttpBodies } from '../chat/http-bodies.js';

/**
 * A fake OpenAI-compatible endpoint that answers at once, on plain sockets so that it costs little beside the gateway
 * in front of it. The model's name says how many pieces the answer has: `pieces-20`. Each streamed piece is a write of
 * its own and carries the endpoint's clock. Arguments, in milliseconds: the pause between two pieces, and the time
 * before the first.
 */
const gapMs = Number(process.argv[2] ?? 0);
const firstMs = Number(process.argv[3] ?? 0);
const JSON_TYPE = 'content-type: application/json';
const ID = '"id":"chatcmpl-1","created":1700000000,"model":"bench"';
const USAGE = '"usage":{"prompt_tokens":10,"completion_tokens":11,"total_tokens":21}';

function whole(pieces: number): string {
  const content = Array.from({ length: pieces }, (_, index) => piece(index)).join('');
  return `{${ID},"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"${content}"},"finish_reason":"stop"}],${USAGE}}`;
}

function piece(index: number): string {
  return `piece ${index} at ${sharedClockMs().toFixed(3)} `;
}

function frame(choices: string): string {
  return chunk(`data: {${ID},"object":"chat.completion.chunk","choices":[${choices}]}\n\n`);
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

async function stream(socket: Socket, pieces: number): Promise<void> {
  socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
  for (let index = 0; index < pieces; index += 1) {
    const pauseMs = index > 0 ? gapMs : firstMs;
    if (pauseMs > 0) await sleep(pauseMs);
    socket.write(frame(`{"index":0,"delta":{"content":"${piece(index)}"},"finish_reason":null}`));
  }
  const stop = frame('{"index":0,"delta":{},"finish_reason":"stop"}');
  const usage = chunk(`data: {${ID},"object":"chat.completion.chunk","choices":[],${USAGE}}\n\n`);
  socket.write(`${stop}${usage}${chunk('data: [DONE]\n\n')}0\r\n\r\n`);
}

function answer(socket: Socket, body: string): void {
  const pieces = Number(/"pieces-(\d+)"/.exec(body)?.[1] ?? 0);
  if (/"stream":\s*true/.test(body)) return void stream(socket, pieces);
  const json = pieces === 0 ? '{"object":"list","data":[]}' : whole(pieces);
  socket.write(`HTTP/1.1 200 OK\r\n${JSON_TYPE}\r\ncontent-length: ${json.length}\r\n\r\n${json}`);
}

const server = createServer({ noDelay: true }, (socket) => {
  let body = '';
  const request = new HttpBodies(
    (part) => {
      body += part;
    },
    () => {
      const asked = body;
      body = '';
      answer(socket, asked);
    },
  );
  socket.setEncoding('latin1').on('data', (text: string) => request.take(text));
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once('SIGTERM', () => process.exit(0));
