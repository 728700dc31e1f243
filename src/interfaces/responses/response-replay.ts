import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import {
  ANSWER_LISTENER,
  type AnswerChunk,
  type AnswerListener,
} from '../../dispatch/answers/answers.port.js';
import { choicesOf } from '../../domain/message/answered-choices.policy.js';
import type { MessageCompleted } from '../../domain/message/message.events.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { aboutMessage } from '../../platform/logging/about-message.js';
import { LOGGER } from '../../platform/tokens.js';
import type { MessageView } from '../../projection/read/message-view.js';
import { AnswerWait } from '../../submission/waiting/answer-wait.js';
import { CompletionSignal } from '../../submission/waiting/completion-signal.js';
import { type Waiting, WaitingRequests } from '../../submission/waiting/waiting-requests.js';
import { callerOf } from '../caller.guard.js';
import { EventStream, headersSoFar } from '../http/event-stream.js';
import { AnswerStream } from '../openai/answer-stream.js';
import { DeliveredAnswer } from '../openai/delivered-answer.policy.js';
import { OpenAiCalls } from '../openai/openai-calls.js';
import { ResponseStreamForm } from './response-form.js';
import { headOfView } from './response-of.js';

/**
 * The stream of a response once more, for a client that lost it, or never had it.
 *
 * All pieces that the stream of pieces still has are put into the same events again, with the same numbers, and the client
 * is sent those behind its own. Then come the pieces as they are said. Where they are gone, the whole answer is told from
 * the log, in one piece.
 */
@Injectable()
export class ResponseReplay {
  constructor(
    private readonly calls: OpenAiCalls,
    private readonly waitingRequests: WaitingRequests,
    private readonly answerWait: AnswerWait,
    @Inject(ANSWER_LISTENER) private readonly answers: AnswerListener,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'openai'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * @param after the number of the last event that the client has; -1 for none
   * @throws what `WaitingRequests.enter` throws
   */
  async serve(view: MessageView, after: number, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const waiting = this.waitingRequests.enter(reply.raw, callerOf(request).name);
    try {
      await this.tell(view, after, reply, waiting);
    } finally {
      waiting.leave();
    }
  }

  private async tell(view: MessageView, after: number, reply: FastifyReply, waiting: Waiting): Promise<void> {
    const { id } = view;
    const { signal } = waiting;
    const completion = new CompletionSignal(this.answers, id, signal);
    completion.doubt();
    const hasEnded = isTerminalStatus(view.status);
    const chunks = hasEnded ? none() : this.pastAndLive(id, signal);
    const out = new EventStream(reply.raw, headersSoFar(reply));
    const form = new ResponseStreamForm(out, headOfView(view), view.asked.model ?? '', after);
    const stream = new AnswerStream(out, {
      form,
      headersAfterMs: this.config.openai.stream_headers_after_ms,
      heartbeatMs: this.config.openai.heartbeat_ms,
      news: () => this.calls.news(id),
      onBegun: () => waiting.begun(),
      missed: (end) => this.missed(id, hasEnded ? end : null),
      onPiecesLost: (err) => this.logger.warn({ err, ...aboutMessage(id) }, 'lost the pieces of an answer'),
    });
    const end = await stream.run(chunks, this.answerWait.ended(completion), signal).catch((error) => {
      if (!out.begun) throw error;
      this.logger.error({ err: error, ...aboutMessage(id) }, 'a stream broke off');
      return 'broken' as const;
    });
    reply.hijack();
    const failed = this.calls.streamFailure(end, id, waiting);
    if (failed !== null) form.fail(failed, typeof end === 'object' ? end : null);
  }

  /** Whoever takes them drops what it has already. */
  private async *pastAndLive(id: string, signal: AbortSignal): AsyncIterable<AnswerChunk> {
    const live = this.answers.chunks(id, signal, { fromStart: true });
    // Of all runs: an earlier one may have been told before the newest went on with it.
    yield* await this.past(id);
    yield* live;
  }

  /** @param end where nothing of the answer was told yet: then pieces that contradict it are none of it */
  private async missed(id: string, end: MessageCompleted | null): Promise<readonly AnswerChunk[]> {
    const past = await this.past(id);
    return end === null || agrees(past, end) ? past : [];
  }

  private past(id: string): Promise<readonly AnswerChunk[]> {
    return this.answers.history(id).catch((err: unknown) => {
      this.logger.warn({ err, ...aboutMessage(id) }, 'could not read the pieces of an answer');
      return [];
    });
  }
}

function agrees(past: readonly AnswerChunk[], end: MessageCompleted): boolean {
  const delivered = new DeliveredAnswer();
  const taken = past.every((chunk) => delivered.take(chunk).kind !== 'diverged');
  return (
    taken &&
    choicesOf(end).every(
      ({ index, message, logprobs }) => delivered.rest(message, { index, logprobs }).kind !== 'diverged',
    )
  );
}

async function* none(): AsyncIterable<AnswerChunk> {}
