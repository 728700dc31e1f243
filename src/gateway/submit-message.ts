import { Inject, Injectable } from '@nestjs/common';
import { SERVICE_CONFIG, type ServiceConfig } from '../config/service-config.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import type { EventLog } from '../event-log/event-log.port.js';
import type { EventContext, MessageEventData } from '../message/message.events.js';
import { prioritize } from '../message/prioritize.decision.js';
import { receive } from '../message/receive.decision.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { EVENT_LOG } from '../platform/tokens.js';
import type { Caller } from '../security/caller.js';
import { RefusedError, unknownModel } from './http/refused.error.js';
import type { AcceptedMessage, Submission } from './submission.js';

/**
 * A submission is one record of the log, which must fit into one message of the broker (8 MiB as the service sets it
 * up) with room to spare. Only text that JSON must escape comes near: a control character is one byte of content and six of JSON.
 */
const MAX_REQUEST_JSON_BYTES = 7 * 1024 * 1024;
const JSON_BYTES_PER_UNIT = 6;
/** `{"content":"","model":"","parameters":{}}`, with room to spare. */
const EMPTY_REQUEST_LENGTH = 64;

export interface SubmitOptions {
  /** An id made beforehand, for who must listen for the answer before the message exists. */
  readonly messageId?: string;
  readonly traceparent?: string;
}

/** The one way in: every intake's checked submission becomes events in the log, or is refused and leaves nothing. */
@Injectable()
export class SubmitMessage {
  constructor(
    @Inject(EVENT_LOG) private readonly log: EventLog,
    private readonly endpoints: EndpointRegistry,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  /**
   * Resolves when the message is durable.
   *
   * @throws {RefusedError} `unknown_model`, `content_too_large`
   * @throws what `EventLog.append` throws; only after a `LogUnavailableError` can the message exist all the same
   */
  async submit(
    caller: Caller,
    submission: Submission,
    options: SubmitOptions = {},
  ): Promise<AcceptedMessage> {
    this.refuseUnknownModel(submission);
    this.refuseTooLarge(submission);
    const { queue } = this.config;
    const prioritization = prioritize(submission.requestedPriority, queue.default_priority);
    const context: EventContext = {
      messageId: options.messageId ?? this.sources.newId(),
      tenant: caller.tenant,
      lane: prioritization.priority,
      now: new Date(this.sources.nowMs()).toISOString(),
      newId: this.sources.newId,
      traceparent: options.traceparent,
    };
    await this.log.append(receive(context, this.received(submission), prioritization));
    const { priority, reason: priorityReason } = prioritization;
    return { id: context.messageId, priority, priorityReason, createdAt: context.now };
  }

  private received(submission: Submission): MessageEventData['llmq.message.received.v1'] {
    return {
      request: submission.request,
      stream: submission.stream,
      user_id: submission.userId,
      conversation_id: submission.conversationId,
      requested_priority: submission.requestedPriority,
      metadata: submission.metadata,
      timeout_ms: submission.timeoutMs ?? this.config.queue.default_timeout_ms,
      max_retries: submission.maxRetries ?? this.config.queue.default_max_retries,
      deadline: null,
      source: submission.source,
    };
  }

  private refuseUnknownModel({ request: { model } }: Submission): void {
    if (model === null || this.endpoints.serves(model)) return;
    throw unknownModel(model);
  }

  private refuseTooLarge({ request }: Submission): void {
    const { content, model, parameters } = request;
    const limit = Math.min(this.config.queue.max_content_bytes, MAX_REQUEST_JSON_BYTES);
    if (content === undefined) {
      // Chats and their tools are counted as JSON, since their text is spread over it.
      refuseTooLong('messages', JSON.stringify(request), limit, ' as JSON');
      return;
    }
    // Most messages are so short that they need not be put into JSON to know.
    const most = JSON_BYTES_PER_UNIT * (content.length + (model?.length ?? 0)) + EMPTY_REQUEST_LENGTH;
    if (most <= limit && isEmpty(parameters)) return;
    this.refuseLong(content, parameters);
  }

  private refuseLong(content: string, parameters: Record<string, unknown>): void {
    const limit = this.config.queue.max_content_bytes;
    const parametersJson = JSON.stringify(parameters);
    refuseTooLong('content', content, limit);
    refuseTooLong('parameters', parametersJson, limit, ' as JSON');
    if ((content.length + parametersJson.length) * JSON_BYTES_PER_UNIT > MAX_REQUEST_JSON_BYTES) {
      refuseTooLong('content', JSON.stringify(content) + parametersJson, MAX_REQUEST_JSON_BYTES, ' as JSON');
    }
  }
}

function isEmpty(record: Record<string, unknown>): boolean {
  for (const _ in record) return false;
  return true;
}

/** Three bytes of UTF-8 for each UTF-16 unit is the most there can be: what is short need not be counted. */
function refuseTooLong(field: string, text: string, limit: number, how = ''): void {
  if (text.length * 3 <= limit) return;
  const bytes = Buffer.byteLength(text);
  if (bytes <= limit) return;
  const reason = `has ${bytes} bytes${how}, and at most ${limit} are accepted`;
  throw new RefusedError('content_too_large', `${field} ${reason}`, [{ field, reason }]);
}
