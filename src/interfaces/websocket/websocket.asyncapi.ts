import { type AsyncApiPart, schemasFrom } from '../asyncapi/asyncapi-document.js';
import { WEBSOCKET_PATH } from '../http/upgrades.js';
import { CLIENT_FRAMES, SERVER_FRAMES } from './frame-schema.js';
import { PROTOCOL } from './handshake.policy.js';

const MESSAGE_ID = '01976e2c-5a00-7000-8000-000000000001';

/** Sent by the test that holds them against a running service, by the order of their names; but for the message's id. */
const EXAMPLES: Readonly<Record<string, readonly object[]>> = {
  SubmitFrame: [
    {
      ...{ type: 'submit', request_id: 'r1', subscribe: true, idempotency_key: 'order-4711' },
      message: { user_id: 'user123', content: 'What is a queue?', priority: 'high' },
    },
  ],
  SubscribeFrame: [
    { type: 'subscribe', request_id: 'r2', message_id: MESSAGE_ID, starting_after: '3' },
    { type: 'subscribe', request_id: 'r3', user_id: 'user123' },
  ],
  UnsubscribeFrame: [{ type: 'unsubscribe', request_id: 'r4', subscription: 'r3' }],
  CancelFrame: [{ type: 'cancel', request_id: 'r5', message_id: MESSAGE_ID }],
  PingFrame: [{ type: 'ping', request_id: 'r6' }],
  AuthenticateFrame: [{ type: 'authenticate', request_id: 'r7', key: 'llmq_...' }],
};

/** @param all schemas by their names, those of the frames among them */
export function websocketPart(all: Readonly<Record<string, unknown>>): AsyncApiPart {
  const frames = [...CLIENT_FRAMES, ...SERVER_FRAMES];
  const channel = { $ref: '#/channels/WebSocket' };
  const messagesOf = (names: readonly string[]) =>
    names.map((name) => ({ $ref: `${channel.$ref}/messages/${name}` }));
  return {
    channels: {
      WebSocket: {
        address: WEBSOCKET_PATH,
        description:
          `A WebSocket. Each frame is a text with one JSON object. The subprotocol is \`${PROTOCOL}\`; a key may stand beside it ` +
          'as `llmq.key.<key>`, in the headers of the handshake, or in a first frame.',
        messages: Object.fromEntries(frames.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
      },
    },
    operations: {
      receiveFrame: {
        action: 'receive',
        channel,
        summary: 'What clients send',
        messages: messagesOf(CLIENT_FRAMES),
      },
      sendFrame: {
        ...{ action: 'send', channel, messages: messagesOf(SERVER_FRAMES) },
        summary: 'Answers, which carry the `request_id`, and what is told of subscriptions',
      },
    },
    messages: Object.fromEntries(frames.map((name) => [name, message(name)])),
    schemas: schemasFrom(frames, all),
  };
}

function message(name: string): object {
  const examples = EXAMPLES[name]?.map((payload) => ({ payload }));
  return {
    name,
    contentType: 'application/json',
    payload: { $ref: `#/components/schemas/${name}` },
    ...(examples === undefined ? {} : { examples }),
  };
}
