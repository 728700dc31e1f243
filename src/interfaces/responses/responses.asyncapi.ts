import type { OpenAPIObject } from '@nestjs/swagger';
import { type AsyncApiPart, schemasFrom } from '../asyncapi/asyncapi-document.js';
import { CREATE, MAX_STREAM_ID } from './frame-out.js';

const PATH = '/v1/responses';
const STREAM_ID = {
  ...{ type: 'string', maxLength: MAX_STREAM_ID },
  description: 'Of a frame of the client: it is in each event of the response that was asked for there',
};
const CLIENT_FRAME = 'ResponseCreateFrame';
const SERVER_FRAMES = ['ResponseEventFrame', 'ResponseErrorFrame'] as const;
const FRAMES = [CLIENT_FRAME, ...SERVER_FRAMES] as const;

/** Sent by the test that holds the frames against a running service; but for the model. */
const EXAMPLES: readonly object[] = [
  {
    ...{ type: CREATE, stream_id: 'r1', model: 'demo', input: 'What is a queue?' },
    instructions: 'Be short.',
  },
  {
    ...{ type: CREATE, stream_id: 'r2', model: 'demo', store: false },
    input: [{ role: 'user', content: 'How is it in Berlin?' }],
    tools: [
      {
        ...{ type: 'function', name: 'get_weather', description: 'How the weather is' },
        parameters: { type: 'object', properties: { city: { type: 'string' } } },
      },
    ],
  },
];

/** @param described what is sent there over HTTP: a frame is the same body, and its answer the same events */
export function responsesPart({ paths, components }: OpenAPIObject): AsyncApiPart {
  const channel = { $ref: '#/channels/Responses' };
  const messagesOf = (names: readonly string[]) =>
    names.map((name) => ({ $ref: `${channel.$ref}/messages/${name}` }));
  return {
    channels: {
      Responses: {
        address: PATH,
        description:
          "OpenAI's Responses over a WebSocket. Each frame is a text with one JSON object. The key is in the headers of the handshake.",
        messages: Object.fromEntries(FRAMES.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
        bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
      },
    },
    operations: {
      receiveResponseFrame: {
        ...{ action: 'receive', channel, messages: messagesOf([CLIENT_FRAME]) },
        summary: 'What clients ask for: one response each, several at once',
      },
      sendResponseFrame: {
        ...{ action: 'send', channel, messages: messagesOf(SERVER_FRAMES) },
        summary: 'The events of the responses, as a stream has them',
      },
    },
    messages: Object.fromEntries(FRAMES.map((name) => [name, message(name)])),
    schemas: {
      ...framesOf(requestIn(paths)),
      ...schemasFrom(['ResponseEvent'], { ...components?.schemas }),
    },
  };
}

interface RequestSchema {
  readonly properties: Readonly<Record<string, object>>;
}

function requestIn(paths: OpenAPIObject['paths']): RequestSchema {
  const body = paths[PATH]?.post?.requestBody as { content: Record<string, { schema: RequestSchema }> };
  return body.content['application/json']!.schema;
}

function framesOf(request: RequestSchema): Record<(typeof FRAMES)[number], object> {
  const { stream: _, ...properties } = request.properties;
  const text = { type: 'string' };
  const orNull = { type: ['string', 'null'] };
  const failure = { code: orNull, message: text, param: orNull };
  return {
    ResponseCreateFrame: {
      ...request,
      required: ['type'],
      properties: { type: { ...text, enum: [CREATE] }, stream_id: STREAM_ID, ...properties },
    },
    ResponseEventFrame: {
      allOf: [
        { $ref: '#/components/schemas/ResponseEvent' },
        { type: 'object', properties: { stream_id: STREAM_ID } },
      ],
    },
    ResponseErrorFrame: {
      ...{ type: 'object', required: ['type', 'sequence_number', 'code', 'message', 'param', 'error'] },
      description:
        'A frame that was refused, with its `status`, or a stream that broke off while its message goes on',
      properties: {
        type: { ...text, enum: ['error'] },
        sequence_number: { type: 'integer' },
        status: { type: 'integer', description: 'As HTTP has it' },
        ...failure,
        error: {
          type: 'object',
          required: ['type', 'code', 'message', 'param'],
          properties: { type: text, ...failure },
        },
        stream_id: STREAM_ID,
      },
    },
  };
}

function message(name: string): object {
  return {
    name,
    contentType: 'application/json',
    payload: { $ref: `#/components/schemas/${name}` },
    ...(name === CLIENT_FRAME ? { examples: EXAMPLES.map((payload) => ({ payload })) } : {}),
  };
}
