import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import { ANSWER_LISTENER, type AnswerListener } from '../../dispatch/answers/answers.port.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { aboutMessage } from '../../platform/logging/about-message.js';
import { LOGGER } from '../../platform/tokens.js';
import { CancelMessage } from '../../submission/cancel-message.js';
import { FirstTries } from '../../submission/idempotency/nats/first-tries.js';
import { RefusedError } from '../../submission/refusal.js';
import type { AcceptedMessage } from '../../submission/submission.js';
import { AnswerWait } from '../../submission/waiting/answer-wait.js';
import { type Order, SubmitAndListen, type Submitted } from '../../submission/waiting/submit-and-listen.js';
import { WaitNews } from '../../submission/waiting/wait-news.js';
import { type Waiting, WaitingRequests } from '../../submission/waiting/waiting-requests.js';
import { EventStream, headersSoFar } from '../http/event-stream.js';
import { tellIdempotency } from '../http/idempotency.hook.js';
import { type AnswerForm, CallForm } from './answer-form.js';
import { AnswerStream, type StreamEnd } from './answer-stream.js';
import { errorBody } from './error-body.js';
import { type EndpointWords, type FailedAnswer, failedAnswer, ours } from './failed-answer.policy.js';
import type { OpenAiRequest } from './openai-request.js';
import { waitingComment } from './waiting-comment.policy.js';

/** What is asked, in whatever form the answer goes out. */
export interface AnswerOrder extends Omit<Order, 'submission'> {
  readonly request: Pick<OpenAiRequest, 'submission' | 'stream' | 'cancelOnDisconnect'>;
}

export interface OpenAiOrder extends AnswerOrder {
  readonly request: OpenAiRequest;
}

/** How a request was answered. `left`: its client went away before. */
type Outcome = 'answered' | 'left';

/** A stream that waits says so in time, whether there are news or not. */
const NEWS_WITHIN_MS = 1_000;

/**
 * A call under `/v1` is a message like any other, whose client stays connected: it is durable before anything else
 * happens, and a client that goes away takes nothing back, unless it or the configuration says so.
 */
@Injectable()
export class OpenAiCalls {
  private readonly words: EndpointWords;
  /** Requests of this process that wait for the same message: it is not cancelled while one of them stays. */
  private readonly waitingFor = new Map<string, number>();

  constructor(
    private readonly submitAndListen: SubmitAndListen,
    private readonly waitingRequests: WaitingRequests,
    private readonly answerWait: AnswerWait,
    private readonly cancelMessage: CancelMessage,
    private readonly firstTries: FirstTries,
    private readonly waitNews: WaitNews,
    @Inject(ANSWER_LISTENER) private readonly answers: AnswerListener,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.words = config.openai.endpoint_errors;
  }

  /** @throws what `answerAs` throws */
  answer(order: OpenAiOrder, reply: FastifyReply): Promise<void> {
    return this.answerAs(new CallForm(order.request), order, reply);
  }

  /** @throws what `SubmitMessage.submit` and `WaitingRequests.enter` throw, before anything is sent or stored */
  async answerAs(form: AnswerForm, order: AnswerOrder, reply: FastifyReply): Promise<void> {
    const waiting = this.waitingRequests.enter(reply.raw, order.caller.name);
    try {
      await (order.request.stream ? this.stream : this.whole).call(this, form, order, reply, waiting);
    } finally {
      waiting.leave();
    }
  }

  /** For a client that does not wait: resolves when its message is durable. @throws what `answerAs` throws */
  async accept(order: AnswerOrder, reply: FastifyReply): Promise<AcceptedMessage> {
    const waiting = this.waitingRequests.enter(reply.raw, order.caller.name);
    try {
      return (await this.submit(order, reply, waiting, () => null)).accepted;
    } finally {
      waiting.leave();
    }
  }

  private async whole(
    form: AnswerForm,
    order: AnswerOrder,
    reply: FastifyReply,
    waiting: Waiting,
  ): Promise<void> {
    const { accepted, completion } = await this.submit(order, reply, waiting, () => null);
    const messageId = accepted.id;
    await this.attended(order, messageId, waiting, async () => {
      const end = await this.answerWait.ended(completion);
      if (end?.type === 'llmq.message.completed.v1') {
        void reply.send(form.whole(accepted, end));
        return 'answered';
      }
      const failed = end === null ? notAnswered(messageId, waiting) : failedAnswer(end, this.words);
      if (failed === null) return 'left';
      refuse(reply, messageId, failed);
      return 'answered';
    });
  }

  private async stream(
    form: AnswerForm,
    order: AnswerOrder,
    reply: FastifyReply,
    waiting: Waiting,
  ): Promise<void> {
    const { signal } = waiting;
    const listen = (id: string) => this.answers.chunks(id, signal);
    const { accepted, completion, listening: chunks } = await this.submit(order, reply, waiting, listen);
    const messageId = accepted.id;
    const about = aboutMessage(messageId, order.trace);
    const out = new EventStream(reply.raw, headersSoFar(reply));
    const streamForm = form.stream(out, accepted);
    const stream = new AnswerStream(out, {
      form: streamForm,
      headersAfterMs: this.config.openai.stream_headers_after_ms,
      heartbeatMs: this.config.openai.heartbeat_ms,
      news: () => this.news(messageId),
      onBegun: () => waiting.begun(),
      onPiecesLost: (error) => this.logger.warn({ err: error, ...about }, 'lost the pieces of an answer'),
    });
    await this.attended(order, messageId, waiting, async () => {
      const end = await stream.run(chunks, this.answerWait.ended(completion), signal).catch((error) => {
        if (!out.begun) throw error;
        this.logger.error({ err: error, ...about, requestId: reply.request.id }, 'a stream broke off');
        return 'broken' as const;
      });
      const failed = this.streamFailure(end, messageId, waiting);
      if (out.begun) reply.hijack();
      if (failed !== null && out.begun) streamForm.fail(failed, typeof end === 'object' ? end : null);
      else if (failed !== null) refuse(reply, messageId, failed);
      return end === 'left' && failed === null ? 'left' : 'answered';
    });
  }

  /** What a stream that waits tells. Never rejects. */
  async news(messageId: string): Promise<string> {
    const none = sleep(NEWS_WITHIN_MS, null, { ref: false });
    return waitingComment(await Promise.race([this.waitNews.of(messageId), none]));
  }

  private async submit<L>(
    { caller, request: { submission }, trace, keyed, attempt }: AnswerOrder,
    reply: FastifyReply,
    { signal }: Waiting,
    listen: (messageId: string) => L,
  ): Promise<Submitted<L>> {
    const submitted = await this.submitAndListen.submit(
      { caller, submission, trace, keyed, attempt },
      {
        signal,
        listen,
        onKey: (replayed) => tellIdempotency(reply, replayed, this.config.queue.idempotency_ttl_ms),
        onJoined: () => void reply.header('idempotency-replayed', 'true'),
      },
    );
    reply.header('x-llmq-message-id', submitted.accepted.id);
    return submitted;
  }

  /** Cancels the message where its client has gone away and wants it so, and nobody else here waits for it. */
  private async attended(
    { caller, request, attempt, trace }: AnswerOrder,
    messageId: string,
    waiting: Waiting,
    answering: () => Promise<Outcome>,
  ): Promise<void> {
    this.waitingFor.set(messageId, (this.waitingFor.get(messageId) ?? 0) + 1);
    let outcome: Outcome;
    try {
      outcome = await answering();
    } finally {
      this.leave(messageId);
    }
    if (outcome !== 'left' || waiting.stopping) return;
    if (!request.cancelOnDisconnect) return this.leaveToRepetition(attempt, messageId);
    if (this.waitingFor.has(messageId)) return;
    if (attempt != null) this.firstTries.forget(attempt.digest);
    try {
      await this.cancelMessage.cancel(caller, messageId, 'the client went away');
    } catch (error) {
      // It has ended in the meantime, or goes on: what a client that is gone wants no longer is no failure.
      const ended = error instanceof RefusedError && error.code === 'already_terminal';
      if (!ended)
        this.logger.warn(
          { err: error, ...aboutMessage(messageId, trace) },
          'a message whose client went away goes on',
        );
    }
  }

  /** The client has waited long enough: its time to repeat the request counts from now. */
  private leaveToRepetition(attempt: AnswerOrder['attempt'], messageId: string): void {
    if (attempt != null) this.firstTries.remember(attempt.digest, messageId);
  }

  private leave(messageId: string): void {
    const others = (this.waitingFor.get(messageId) ?? 1) - 1;
    if (others === 0) this.waitingFor.delete(messageId);
    else this.waitingFor.set(messageId, others);
  }

  /** The error to send at the end of a stream; null if the answer is whole, or the client is gone. */
  streamFailure(end: StreamEnd | 'broken', messageId: string, waiting: Waiting): FailedAnswer | null {
    if (end === 'left') return notAnswered(messageId, waiting);
    if (end === 'diverged') return interrupted(messageId);
    if (end === 'broken') return broken(messageId);
    return end.type === 'llmq.message.completed.v1' ? null : failedAnswer(end, this.words);
  }
}

function notAnswered(messageId: string, waiting: Waiting): FailedAnswer | null {
  if (!waiting.stopping) return null;
  const message = `The service is stopping. The message is kept and will be answered; read it at /api/v1/messages/${messageId}.`;
  // Another process, or this one after its start, lets the repeated request join the message.
  return ours(503, 'service_stopping', message, true);
}

function interrupted(messageId: string): FailedAnswer {
  const message = `The endpoint failed in the middle of its answer, and the next attempt answers otherwise. Read the whole answer at /api/v1/messages/${messageId}.`;
  return ours(502, 'stream_interrupted', message);
}

function broken(messageId: string): FailedAnswer {
  const message = `The stream broke off inside of the service. The message goes on; read it at /api/v1/messages/${messageId}.`;
  return ours(500, 'internal', message);
}

function refuse(reply: FastifyReply, messageId: string, failed: FailedAnswer): void {
  const { status, retryAfterMs, shouldRetry } = failed;
  void reply.code(status).header('x-should-retry', String(shouldRetry));
  if (retryAfterMs !== null) void reply.header('retry-after', String(Math.ceil(retryAfterMs / 1_000)));
  void reply.send(errorBody(messageId, failed));
}
