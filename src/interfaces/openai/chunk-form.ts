import { choicesOf } from '../../domain/message/answered-choices.policy.js';
import type { MessageCompleted } from '../../domain/message/message.events.js';
import type { EventStream } from '../http/event-stream.js';
import { type ChunkContent, chunkJson } from './answer.json.js';
import { extraOf, type StreamedFrame, usageOf } from './answer-frame.js';
import type { StreamForm } from './answer-stream.js';
import type { Delta } from './delivered-answer.policy.js';
import { errorBody } from './error-body.js';
import type { FailedAnswer } from './failed-answer.policy.js';

/** The chunks of chats and text completions, up to `[DONE]`. */
export class ChunkForm implements StreamForm {
  constructor(
    private readonly out: EventStream,
    private readonly frame: StreamedFrame,
    private readonly messageId: string,
    private readonly includeUsage: boolean,
  ) {}

  piece(piece: Delta, model: string | undefined, seq: number | undefined): void {
    this.chunk(model, { piece }, seq);
  }

  complete(end: MessageCompleted, model: string | undefined): void {
    const choices = choicesOf(end);
    for (const { index, finish_reason: finishReason, more } of choices) {
      const piece = index === 0 ? {} : { index };
      // What is said of the whole answer goes with its very last piece.
      const extra = index === choices.at(-1)?.index ? extraOf(end) : {};
      this.chunk(model, { piece, finishReason, more, extra });
    }
    const usage = this.includeUsage ? usageOf(end) : null;
    if (usage !== null) this.out.data(chunkJson(this.frame, { model, usage }));
    this.out.done();
  }

  fail(failed: FailedAnswer): void {
    this.out.fail(errorBody(this.messageId, failed));
  }

  private chunk(model: string | undefined, content: ChunkContent, seq?: number): void {
    const { piece, finishReason, more, extra } = content;
    const usage = this.includeUsage ? null : undefined;
    // Field by field: one that is added to copied ones costs as much as the rest of a piece.
    const told = { model, piece, finishReason, more, extra, usage };
    this.out.data(chunkJson(this.frame, told), seq);
  }
}
