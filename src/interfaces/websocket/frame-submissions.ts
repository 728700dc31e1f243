import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../../domain/caller.js';
import { type TraceContext, traceContextOf } from '../../domain/trace-context.policy.js';
import { enterTrace, SpanKind, traceBehind, within } from '../../platform/telemetry/spans.js';
import { MessageReader } from '../../projection/read/message-reader.js';
import { Idempotency, type KeyedRequest } from '../../submission/idempotency/idempotency.js';
import { isFailure, RefusedError, refused } from '../../submission/refusal.js';
import type { Submission } from '../../submission/submission.js';
import { SubmitMessage } from '../../submission/submit-message.js';
import { keyedMessage } from '../http/idempotency.hook.js';
import { acceptedJson } from '../rest/message.json.js';
import { submissionOf } from '../rest/submission-of.js';
import { SubmitMessageDto } from '../rest/submit-message.dto.js';
import { ValidRequest } from '../rest/valid-request.pipe.js';
import type { SubmitFrameDto } from './client-frames.dto.js';

const validMessage = new ValidRequest(SubmitMessageDto);

export interface Accepted {
  /** As `POST /api/v1/messages` answers it. */
  readonly message: Record<string, unknown> & { readonly id: string };
  /** It was accepted before, under the same key. */
  readonly replayed: boolean;
}

type AcceptedJson = Accepted['message'];

/** Submits what a frame holds, by the rules of REST; under a key once, whichever of the two it was sent over. */
@Injectable()
export class FrameSubmissions {
  constructor(
    private readonly submitMessage: SubmitMessage,
    private readonly idempotency: Idempotency,
    @Inject(MessageReader) private readonly messages: Pick<MessageReader, 'isErased'>,
  ) {}

  /** @throws what `SubmitMessage.submit` and `Idempotency.begin` throw */
  submit(caller: Caller, frame: SubmitFrameDto): Promise<Accepted> {
    const callers = traceContextOf(frame.traceparent, frame.tracestate);
    const span = enterTrace('websocket submit', callers, { kind: SpanKind.SERVER });
    return within(span, () => this.submitIn(traceBehind(span, callers), caller, frame));
  }

  private async submitIn(trace: TraceContext, caller: Caller, frame: SubmitFrameDto): Promise<Accepted> {
    const submission: Submission = {
      ...submissionOf(validMessage.transform(frame.message)),
      source: 'websocket',
    };
    if (frame.idempotency_key == null) {
      const accepted = await this.submitMessage.submit(caller, submission, { trace });
      return { message: acceptedJson(accepted, submission) as AcceptedJson, replayed: false };
    }
    const keyed = keyedMessage(caller.tenant, frame.idempotency_key, frame.message, 'idempotency_key');
    return this.underKey(caller, submission, trace, keyed);
  }

  private async underKey(
    caller: Caller,
    submission: Submission,
    trace: TraceContext,
    keyed: KeyedRequest,
  ): Promise<Accepted> {
    const begun = await this.idempotency.begin(keyed);
    if (begun.kind === 'replay') {
      return { message: await this.told(JSON.parse(begun.response.body)), replayed: true };
    }
    const { execution } = begun;
    try {
      const accepted = await this.submitMessage.submit(caller, submission, { trace, execution });
      const message = acceptedJson(accepted, submission) as AcceptedJson;
      await execution.done({
        status: 202,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          location: `/api/v1/messages/${message.id}`,
        },
        body: JSON.stringify(message),
      });
      return { message, replayed: false };
    } catch (error) {
      const refusal = error instanceof RefusedError && !isFailure(error.refusal);
      await (refusal ? execution.refused() : execution.uncertain());
      throw error;
    }
  }

  /** The key's promise holds while PostgreSQL is away: then the answer goes out as it was. */
  private async told(message: AcceptedJson): Promise<AcceptedJson> {
    if (await this.messages.isErased(message.id).catch(() => false)) {
      throw refused('not_found', 'The result of the first request with this idempotency key was erased.');
    }
    return message;
  }
}
