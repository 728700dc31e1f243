import type { Type } from '@nestjs/common';
import { INTAKE_LANES } from '../../broker/direct-subjects.policy.js';
import { type AsyncApiPart, schemasFrom } from '../asyncapi/asyncapi-document.js';
import {
  ConversationDto,
  ConversationPageDto,
  CreateConversationDto,
} from '../rest/conversations/conversation.dto.js';
import { ListConversationsDto } from '../rest/conversations/list-conversations.dto.js';
import { AcceptedMessageDto, MessageDto, MessagePageDto, WaitingMessageDto } from '../rest/message.dto.js';
import { QueueStatusDto, QueueStatusQueryDto } from '../rest/queues/queues.dto.js';
import { SubmitTurnDto } from '../rest/submit-message.dto.js';
import { PublishedMessageDto } from './published-message.dto.js';
import { CallErrorDto, RejectedMessageDto, RejectedPageDto } from './rejected-message.dto.js';
import {
  ConversationCallDto,
  FindMessageCallDto,
  ListRejectedCallDto,
  ListTurnsCallDto,
  MessageCallDto,
} from './rpc/calls.dto.js';

interface Call {
  /** `llmq.rpc.<subject>`. */
  readonly subject: string;
  readonly summary: string;
  readonly asks: Type;
  /** What an answer has as `data`; one of them, where there are several. */
  readonly answers: readonly Type[];
  readonly examples: readonly Example[];
}

/** Sent as it is, in the order of the document, by the test that holds the document against a running service. */
interface Example {
  readonly name: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload: object;
}

const FIRST = '01976e2c-5a00-7000-8000-000000000001';
const LATER = '01976e2c-5a00-7000-8000-000000000002';

const CALLS: readonly Call[] = [
  {
    subject: 'messages.submit',
    summary: 'Submit a message; with `wait` (at most a minute), answer with it when it has ended.',
    asks: PublishedMessageDto,
    answers: [AcceptedMessageDto, WaitingMessageDto],
    examples: [
      {
        name: 'later',
        headers: { 'Nats-Msg-Id': LATER },
        payload: { user_id: 'user123', content: 'What is a stream?', delay: '1h' },
      },
      { name: 'waiting', payload: { user_id: 'user123', content: 'What is a log?', wait: '30s' } },
    ],
  },
  {
    subject: 'messages.get',
    summary: 'Read a message; with `wait`, when it has ended.',
    asks: FindMessageCallDto,
    answers: [WaitingMessageDto],
    examples: [{ name: 'get', payload: { id: LATER } }],
  },
  {
    subject: 'messages.cancel',
    summary: 'Cancel a message.',
    asks: MessageCallDto,
    answers: [MessageDto],
    examples: [{ name: 'cancel', payload: { id: LATER } }],
  },
  {
    subject: 'conversations.create',
    summary: 'Create a conversation.',
    asks: CreateConversationDto,
    answers: [ConversationDto],
    examples: [{ name: 'create', payload: { id: 'support-17', user_id: 'user123', title: 'Invoices' } }],
  },
  {
    subject: 'conversations.submit',
    summary: 'Send a message to a conversation, which `id` names; the rest is what a message may have.',
    asks: SubmitTurnDto,
    answers: [AcceptedMessageDto],
    examples: [{ name: 'turn', payload: { id: 'support-17', content: 'Where is my invoice?' } }],
  },
  {
    subject: 'conversations.get',
    summary: 'Read a conversation.',
    asks: ConversationCallDto,
    answers: [ConversationDto],
    examples: [{ name: 'conversation', payload: { id: 'support-17' } }],
  },
  {
    subject: 'conversations.list',
    summary: 'List conversations, by default the newest first.',
    asks: ListConversationsDto,
    answers: [ConversationPageDto],
    examples: [{ name: 'conversations', payload: { user_id: 'user123', limit: 10 } }],
  },
  {
    subject: 'conversations.messages',
    summary: "Read a conversation's messages.",
    asks: ListTurnsCallDto,
    answers: [MessagePageDto],
    examples: [{ name: 'turns', payload: { id: 'support-17', order: 'asc' } }],
  },
  {
    subject: 'queues.status',
    summary: 'The state of the lanes now, over all tenants.',
    asks: QueueStatusQueryDto,
    answers: [QueueStatusDto],
    examples: [{ name: 'status', payload: {} }],
  },
  {
    subject: 'rejected.list',
    summary: 'What was published and not taken in, the oldest first.',
    asks: ListRejectedCallDto,
    answers: [RejectedPageDto],
    examples: [{ name: 'rejected', payload: { limit: 10 } }],
  },
];

const PUBLISHED: readonly Example[] = [
  {
    name: 'json',
    headers: { 'Nats-Msg-Id': FIRST },
    payload: { user_id: 'user123', content: 'What is a queue?' },
  },
];

const EVENTS: readonly Example[] = [
  {
    name: 'cloudevent',
    payload: {
      ...{ specversion: '1.0', id: '17', source: '/shop', type: 'com.example.asked' },
      data: { user_id: 'user123', content: 'What is an event?', reply_subject: 'llmq.results.shop' },
    },
  },
];

/** The classes whose schemas the part needs. */
export const NATS_MODELS: readonly Type[] = [
  ...new Set([
    ...[PublishedMessageDto, RejectedMessageDto, CallErrorDto, MessageDto],
    ...CALLS.flatMap(({ asks, answers }) => [asks, ...answers]),
  ]),
];

const nameOf = (type: Type) => type.name.replace(/Dto$/, '');
const schema = (type: Type) => ({ $ref: `#/components/schemas/${nameOf(type)}` });
const messageRef = (name: string) => ({ $ref: `#/components/messages/${name}` });

/** Publishers and callers over NATS, as they write the subjects. @param schemas of `NATS_MODELS` and all they refer to */
export function natsPart(schemas: Readonly<Record<string, unknown>>): AsyncApiPart {
  const calls = CALLS.map(partOfCall);
  const all = (section: 'channels' | 'operations' | 'messages') =>
    Object.assign({}, ...calls.map((part) => part[section]));
  const needed = ['PublishedMessage', 'RejectedMessage', 'Message', ...calls.flatMap(({ needs }) => needs)];
  return {
    channels: { ...PUBLISHING.channels, ...all('channels') },
    operations: { ...PUBLISHING.operations, ...all('operations') },
    messages: { ...PUBLISHING.messages, ...all('messages') },
    schemas: { ...schemasFrom(needed, schemas), PublishedEvent: cloudEventOf(schema(PublishedMessageDto)) },
  };
}

const NATS_HEADERS = {
  type: 'object',
  properties: {
    'Nats-Msg-Id': {
      type: 'string',
      description:
        "A name for the message: however often it comes, it is one. A UUID becomes the message's id.",
    },
    'Llmq-Reply-Subject': { type: 'string', description: 'The same as `reply_subject` in the message' },
  },
};

const PUBLISHING: Omit<AsyncApiPart, 'schemas'> = {
  channels: {
    intake: {
      address: 'llmq.intake.{lane}',
      description:
        'A JetStream stream: the acknowledgement says that the message is durable. By a publisher of its own it is ' +
        "another subject for the service, whose prefix the publisher's credentials decide.",
      parameters: {
        lane: { enum: [...INTAKE_LANES], description: 'The priority, or `auto` for what the message says' },
      },
      messages: {
        PublishedMessage: messageRef('PublishedMessage'),
        PublishedEvent: messageRef('PublishedEvent'),
      },
    },
    rejected: {
      address: 'llmq.intake.rejected',
      description: 'What was published and not taken in. It is kept for a week.',
      messages: { RejectedMessage: messageRef('RejectedMessage') },
    },
    results: {
      address: 'llmq.results.{place}',
      description:
        'How messages ended, at least once. A subject below `llmq.results.` may have several tokens.',
      parameters: { place: { description: "The message's id, or what its `reply_subject` names" } },
      messages: { MessageResult: messageRef('MessageResult') },
    },
  },
  operations: {
    takeIn: { action: 'receive', channel: { $ref: '#/channels/intake' } },
    reject: { action: 'send', channel: { $ref: '#/channels/rejected' } },
    tellResult: { action: 'send', channel: { $ref: '#/channels/results' } },
  },
  messages: {
    PublishedMessage: {
      ...{ summary: 'The body of `POST /api/v1/messages`', headers: NATS_HEADERS },
      ...{ payload: schema(PublishedMessageDto), examples: PUBLISHED },
    },
    PublishedEvent: {
      summary:
        'The same as a CloudEvent in structured JSON mode. Binary mode has its attributes as headers `ce-...`.',
      contentType: 'application/cloudevents+json',
      ...{
        headers: NATS_HEADERS,
        payload: { $ref: '#/components/schemas/PublishedEvent' },
        examples: EVENTS,
      },
    },
    RejectedMessage: { summary: 'Why, and what was sent', payload: schema(RejectedMessageDto) },
    MessageResult: { summary: 'A message that has ended, as REST shows it', payload: schema(MessageDto) },
  },
};

function cloudEventOf(data: object): object {
  return {
    type: 'object',
    required: ['specversion', 'id', 'source', 'type', 'data'],
    properties: {
      specversion: { const: '1.0' },
      ...{ id: { type: 'string' }, source: { type: 'string' }, type: { type: 'string' }, data },
    },
  };
}

function partOfCall({ subject, summary, asks, answers, examples }: Call) {
  const name = subject
    .split('.')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
  const [ask, answer] = [`${name}Call`, `${name}Answer`];
  const data = answers.length === 1 ? schema(answers[0]!) : { anyOf: answers.map(schema) };
  return {
    needs: [asks, ...answers, CallErrorDto].map(nameOf),
    channels: {
      [name]: {
        address: `llmq.rpc.${subject}`,
        messages: { [ask]: messageRef(ask), [answer]: messageRef(answer) },
      },
    },
    operations: {
      [`serve${name}`]: {
        ...{ action: 'receive', summary, channel: { $ref: `#/channels/${name}` } },
        messages: [{ $ref: `#/channels/${name}/messages/${ask}` }],
        reply: {
          address: { location: '$message.header#/reply', description: 'The reply subject of the request' },
          messages: [{ $ref: `#/channels/${name}/messages/${answer}` }],
          channel: { $ref: `#/channels/${name}` },
        },
      },
    },
    messages: {
      [ask]: { payload: schema(asks), examples },
      [answer]: {
        payload: {
          oneOf: [
            { type: 'object', required: ['data'], properties: { data } },
            { type: 'object', required: ['error'], properties: { error: schema(CallErrorDto) } },
          ],
        },
      },
    },
  };
}
