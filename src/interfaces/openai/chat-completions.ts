import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import { ANSWER_LISTENER, type AnswerListener } from '../../dispatch/answers/answers.port.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LOGGER } from '../../platform/tokens.js';
import { AnswerWait } from '../../submission/waiting/answer-wait.js';
import { type Order, SubmitAndListen, type Submitted } from '../../submission/waiting/submit-and-listen.js';
import { type Waiting, WaitingRequests } from '../../submission/waiting/waiting-requests.js';
import { tellIdempotency } from '../http/idempotency.hook.js';
import type { ChatRequest } from './chat-request.js';
import { ChatStream, type StreamEnd } from './chat-stream.js';
import { completionFrame, completionJson } from './completion.json.js';
import { EventStream } from './event-stream.js';
import { type FailedAnswer, failedAnswer } from './failed-answer.policy.js';
import { openAiErrorType } from './openai-error.js';

export interface ChatOrder extends Omit<Order, 'submission'> {
  readonly chat: ChatRequest;
}

/** Under the idle time-outs of common proxies (30 s and more). */
const HEARTBEAT_MS = 15_000;

/**
 * A chat completion is a message like any other, whose client stays connected: it is durable before anything else
 * happens, and a client that goes away takes nothing back.
 */
@Injectable()
export class ChatCompletions {
  constructor(
    private readonly submitAndListen: SubmitAndListen,
    private readonly waitingRequests: WaitingRequests,
    private readonly answerWait: AnswerWait,
    @Inject(ANSWER_LISTENER) private readonly answers: AnswerListener,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws what `SubmitMessage.submit` and `WaitingRequests.enter` throw, before anything is sent or stored */
  async complete(order: ChatOrder, reply: FastifyReply): Promise<void> {
    const waiting = this.waitingRequests.enter(reply.raw);
    try {
      await (order.chat.stream ? this.stream : this.whole).call(this, order, reply, waiting);
    } finally {
      waiting.leave();
    }
  }

  private async whole(order: ChatOrder, reply: FastifyReply, waiting: Waiting): Promise<void> {
    const { accepted, completion } = await this.submit(order, reply, waiting, () => null);
    const messageId = accepted.id;
    const end = await this.answerWait.ended(completion);
    if (end?.type === 'llmq.message.completed.v1') {
      const frame = completionFrame(accepted, end.data.model);
      void reply.send(completionJson(frame, end));
    } else {
      const failed = end === null ? notAnswered(messageId, waiting) : failedAnswer(end);
      if (failed !== null) refuse(reply, messageId, failed);
    }
  }

  private async stream(order: ChatOrder, reply: FastifyReply, waiting: Waiting): Promise<void> {
    const { signal } = waiting;
    const { chat } = order;
    const listen = (id: string) => this.answers.chunks(id, signal);
    const { accepted, completion, listening: chunks } = await this.submit(order, reply, waiting, listen);
    const messageId = accepted.id;
    const out = new EventStream(reply.raw, headersSoFar(reply));
    const stream = new ChatStream(out, {
      frame: completionFrame(accepted, chat.submission.request.model ?? ''),
      includeUsage: chat.includeUsage,
      heartbeatMs: HEARTBEAT_MS,
      onBegun: () => waiting.begun(),
      onPiecesLost: (error) => this.logger.warn({ err: error, messageId }, 'lost the pieces of an answer'),
    });
    const end = await stream.run(chunks, this.answerWait.ended(completion), signal);
    const failed = streamFailure(end, messageId, waiting);
    if (out.begun) reply.hijack();
    if (failed === null) return;
    if (out.begun) out.fail(errorBody(messageId, failed));
    else refuse(reply, messageId, failed);
  }

  private async submit<L>(
    { caller, chat, traceparent, keyed }: ChatOrder,
    reply: FastifyReply,
    { signal }: Waiting,
    listen: (messageId: string) => L,
  ): Promise<Submitted<L>> {
    const { submission } = chat;
    const submitted = await this.submitAndListen.submit(
      { caller, submission, traceparent, keyed },
      {
        ...{ signal, listen },
        onKey: (replayed) => tellIdempotency(reply, replayed, this.config.queue.idempotency_ttl_ms),
      },
    );
    reply.header('x-llmq-message-id', submitted.accepted.id);
    return submitted;
  }
}

/** A stream writes its headers itself, past the framework. */
function headersSoFar(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
}

/** The error to send at the end of a stream; null if the answer is whole, or the client is gone. */
function streamFailure(end: StreamEnd, messageId: string, waiting: Waiting): FailedAnswer | null {
  if (end === 'left') return notAnswered(messageId, waiting);
  if (end === 'diverged') return interrupted(messageId);
  return end.type === 'llmq.message.completed.v1' ? null : failedAnswer(end);
}

function notAnswered(messageId: string, waiting: Waiting): FailedAnswer | null {
  if (!waiting.stopping) return null;
  return {
    status: 503,
    code: 'service_stopping',
    message: `The service is stopping. The message is kept and will be answered; read it at /api/v1/messages/${messageId}.`,
  };
}

function interrupted(messageId: string): FailedAnswer {
  return {
    status: 502,
    code: 'stream_interrupted',
    message: `The endpoint failed in the middle of its answer, and the next attempt answers otherwise. Read the whole answer at /api/v1/messages/${messageId}.`,
  };
}

/** The queue has retried already, or goes on by itself: another request would only be another message. */
function refuse(reply: FastifyReply, messageId: string, failed: FailedAnswer): void {
  void reply.code(failed.status).header('x-should-retry', 'false').send(errorBody(messageId, failed));
}

function errorBody(messageId: string, { status, code, message }: FailedAnswer): object {
  return { error: { message, type: openAiErrorType(status), param: null, code, message_id: messageId } };
}
