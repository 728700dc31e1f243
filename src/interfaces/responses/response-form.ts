import type { MessageCompleted, TerminalEvent } from '../../domain/message/message.events.js';
import type { AcceptedMessage } from '../../submission/submission.js';
import type { EventStream } from '../http/event-stream.js';
import type { AnswerForm } from '../openai/answer-form.js';
import type { StreamForm } from '../openai/answer-stream.js';
import type { Delta } from '../openai/delivered-answer.policy.js';
import { errorBody } from '../openai/error-body.js';
import type { FailedAnswer } from '../openai/failed-answer.policy.js';
import { type ResponseHead, responseJson } from './response.policy.js';
import { ResponseEvents } from './response-events.policy.js';
import { type AskedResponse, headOf, standAtEnd, wholeAnswer } from './response-of.js';

/** The answer to a request of the Responses API. */
export class ResponseForm implements AnswerForm {
  constructor(private readonly asked: AskedResponse) {}

  whole(accepted: AcceptedMessage, end: MessageCompleted): Record<string, unknown> {
    return responseJson(headOf(this.asked, accepted), standAtEnd(accepted.id, end));
  }

  stream(out: EventStream, accepted: AcceptedMessage): StreamForm {
    return new ResponseStreamForm(out, headOf(this.asked, accepted), accepted.model ?? '', -1);
  }
}

/** Where events go: a stream of server-sent events, or a WebSocket. */
export type EventOut = Pick<EventStream, 'begin' | 'comment' | 'event' | 'ready' | 'end'>;

/** The events of one response's stream, as far as its client does not have them. */
export class ResponseStreamForm implements StreamForm {
  private readonly events: ResponseEvents;
  /** Something came from the end of the message, and not from its pieces. */
  private isFromLog = false;

  /** @param after the number of the last event that the client has; -1 for none */
  constructor(
    private readonly out: Pick<EventOut, 'begin' | 'event' | 'end'>,
    private readonly head: ResponseHead,
    model: string,
    private readonly after: number,
  ) {
    this.events = new ResponseEvents(head, model, (type, event, sequence) => {
      if (sequence > after) out.event(type, event, null);
    });
  }

  begin(): void {
    // A client that has all events gets none, and a stream all the same.
    if (this.after >= 0) this.out.begin();
    this.events.begin();
  }

  piece(piece: Delta, _model: string | undefined, seq: number | undefined): void {
    this.isFromLog ||= seq === undefined;
    if (piece['index'] === undefined || piece['index'] === 0) this.events.piece(piece);
  }

  /**
   * Where the pieces are gone that the client has, its number lies behind all that is known here: then it gets the ends of
   * all items, and of the response, which hold the whole answer.
   */
  complete(end: MessageCompleted): void {
    const last = this.events.lastIfWhole;
    if (last < this.after || (last === this.after && this.isFromLog)) this.events.skipTo(this.after + 1);
    this.events.complete(wholeAnswer(end));
    this.out.end();
  }

  fail(failed: FailedAnswer, end: TerminalEvent | null): void {
    this.events.skipTo(this.after + 1);
    if (end === null) this.breakOff(failed);
    else if (end.type === 'llmq.message.cancelled.v1') this.events.cancel();
    else this.events.fail({ code: failed.code, message: failed.message });
    this.out.end();
  }

  /** In the one form that all of OpenAI's clients take for a failure. The message goes on. */
  private breakOff(failed: FailedAnswer): void {
    const { error } = errorBody(this.head.messageId, failed);
    const { code, message, param } = error;
    this.out.event(
      'error',
      { type: 'error', sequence_number: this.events.sequence, code, message, param, error },
      null,
    );
  }
}
