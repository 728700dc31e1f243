import type { Caller } from '../../../domain/caller.js';
import type { MessageReceived, TerminalEvent } from '../../../domain/message/message.events.js';
import type { AcceptedMessage, Submission } from '../../../submission/submission.js';
import type { BatchEndpoint } from '../batch.state.js';
import type { LineAnswer } from './line-answer.state.js';

/** What a line asks for. */
export interface LineRequest {
  /** The client's name for the line, unique in its batch. */
  readonly customId: string;
  readonly submission: Submission;
}

/** Something wrong with a line, in OpenAI's words where it has some. */
export interface LineProblem {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

/**
 * What the lines of a file say, and how their answers are told: a protocol's business, and so given to this room by the
 * protocol's. Deliberately absent: submitting, and writing files.
 */
export interface BatchLines {
  /** A longer one can't be a request. */
  readonly mostBytes: number;

  /** Whether the line can be carried out, as far as it says by itself. */
  read(
    line: Buffer,
    endpoint: BatchEndpoint,
    caller: Caller,
  ): LineRequest | { readonly problems: readonly LineProblem[] };

  /** The name of a line that was found right before. */
  customIdOf(line: Buffer): string;

  /** Whether an answer tells again what was asked, which has to be read for it. */
  repeatsRequest(endpoint: BatchEndpoint): boolean;

  /** @param received what was asked, where answers tell it again; null where nobody has it any more */
  answer(
    endpoint: BatchEndpoint,
    accepted: AcceptedMessage,
    end: TerminalEvent,
    received: MessageReceived | null,
  ): LineAnswer;
}

export const BATCH_LINES = Symbol('BatchLines');
