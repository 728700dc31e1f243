import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../../domain/caller.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import type { Execution } from '../../submission/idempotency/execution.js';
import { Idempotency, type KeyedRequest } from '../../submission/idempotency/idempotency.js';
import { isFailure, RefusedError } from '../../submission/refusal.js';
import type { AcceptedMessage } from '../../submission/submission.js';
import { SubmitMessage } from '../../submission/submit-message.js';
import { tellIdempotency } from '../http/idempotency.hook.js';
import type { ChatRequest } from './chat-request.js';

export interface ChatOrder {
  readonly caller: Caller;
  readonly chat: ChatRequest;
  readonly traceparent: string | undefined;
  /** Null for a request without an `Idempotency-Key`. */
  readonly keyed: KeyedRequest | null;
}

export interface SubmittedChat<L> {
  readonly accepted: AcceptedMessage;
  readonly listening: L;
  /** False for one that was there before: it may have ended before the listening began. */
  readonly isNew: boolean;
}

/**
 * A chat's way into the log. Under a key it is the message that is kept, not its answer: whoever repeats the request
 * waits for that same answer, for as long as the first one would.
 */
@Injectable()
export class ChatSubmission {
  constructor(
    private readonly submitMessage: SubmitMessage,
    private readonly idempotency: Idempotency,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  /**
   * @param listen begins to listen for what is said of a message, before the message exists where it is new
   * @throws what `SubmitMessage.submit` and `Idempotency.begin` throw, before anything is sent
   */
  async submit<L>(
    order: ChatOrder,
    reply: FastifyReply,
    listen: (messageId: string) => L,
  ): Promise<SubmittedChat<L>> {
    const submitted = await (order.keyed === null
      ? this.plainly(order, listen)
      : this.underKey(order, order.keyed, reply, listen));
    reply.header('x-llmq-message-id', submitted.accepted.id);
    return submitted;
  }

  private async plainly<L>({ caller, chat, traceparent }: ChatOrder, listen: (messageId: string) => L) {
    const messageId = this.sources.newId();
    const listening = listen(messageId);
    const accepted = await this.submitMessage.submit(caller, chat.submission, { messageId, traceparent });
    return { accepted, listening, isNew: true };
  }

  private async underKey<L>(
    order: ChatOrder,
    keyed: KeyedRequest,
    reply: FastifyReply,
    listen: (messageId: string) => L,
  ): Promise<SubmittedChat<L>> {
    const begun = await this.idempotency.begin(keyed);
    tellIdempotency(reply, begun.kind === 'replay', this.config.queue.idempotency_ttl_ms);
    if (begun.kind === 'replay') {
      const accepted = JSON.parse(begun.response.body) as AcceptedMessage;
      return { accepted, listening: listen(accepted.id), isNew: false };
    }
    const { execution } = begun;
    const listening = listen(execution.idAt(0));
    const accepted = await this.carryOut(order, execution);
    return { accepted, listening, isNew: !execution.again };
  }

  private async carryOut({ caller, chat, traceparent }: ChatOrder, execution: Execution) {
    try {
      const accepted = await this.submitMessage.submit(caller, chat.submission, { traceparent, execution });
      await execution.done({ status: 200, headers: {}, body: JSON.stringify(accepted) });
      return accepted;
    } catch (error) {
      const refused = error instanceof RefusedError && !isFailure(error.refusal);
      await (refused ? execution.refused() : execution.uncertain());
      throw error;
    }
  }
}
