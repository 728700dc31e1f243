import type { MessageCompleted } from '../../domain/message/message.events.js';
import type { AcceptedMessage } from '../../submission/submission.js';
import type { EventStream } from '../http/event-stream.js';
import { answerJson } from './answer.json.js';
import { answerFrame, type StreamedFrame } from './answer-frame.js';
import type { StreamForm } from './answer-stream.js';
import { ChunkForm } from './chunk-form.js';
import type { OpenAiRequest } from './openai-request.js';

/** The words of a protocol for one answer, whole or in pieces. */
export interface AnswerForm {
  whole(accepted: AcceptedMessage, end: MessageCompleted): Record<string, unknown>;
  stream(out: EventStream, accepted: AcceptedMessage): StreamForm;
}

/** Chat completions, text completions, embeddings. */
export class CallForm implements AnswerForm {
  constructor(private readonly request: OpenAiRequest) {}

  whole(accepted: AcceptedMessage, end: MessageCompleted): Record<string, unknown> {
    return answerJson(answerFrame(this.request.kind, accepted, end.data.model), end);
  }

  stream(out: EventStream, accepted: AcceptedMessage): StreamForm {
    const { kind, submission, includeUsage } = this.request;
    const frame = answerFrame(kind, accepted, submission.request.model ?? '') as StreamedFrame;
    return new ChunkForm(out, frame, accepted.id, includeUsage);
  }
}
