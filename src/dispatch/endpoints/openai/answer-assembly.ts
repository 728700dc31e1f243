import { type AnswerPiece, JoinedAnswer } from '../../../domain/message/joined-answer.policy.js';
import type { ModelAnswer } from '../model-endpoint.port.js';
import { MAX_ANSWER_BYTES, MAX_ENTRIES } from './answer-bounds.js';
import { answerTooLarge } from './call-errors.js';

/** A UTF-16 unit takes at most this many bytes as JSON (`\u0000`). */
const MAX_BYTES_PER_UNIT = 6;

type Choice = Record<string, unknown> & { readonly index: number };

/** Joins the pieces of one answer into what is stored of it, within bounds. */
export class AnswerAssembly {
  private readonly joined = new JoinedAnswer();
  /** The sizes of what is kept beside the pieces, by name: of each the last counts. */
  private readonly asideUnits = new Map<string, number>();
  private units = 0;

  /** @throws {ModelCallError} `answer_too_large` */
  add(piece: AnswerPiece): void {
    this.joined.add(piece);
    this.checkSize();
  }

  /** Counts what is kept elsewhere and stored with the answer. @throws {ModelCallError} `answer_too_large` */
  keepsAside(name: string, units: number): void {
    this.units += units - (this.asideUnits.get(name) ?? 0);
    this.asideUnits.set(name, units);
    this.checkSize();
  }

  /**
   * The first choice, and in `choices` what of it and of others the message alone can't tell.
   *
   * @param endings what each choice has beside its pieces: all but the first its finish reason
   * @throws {ModelCallError} `answer_too_large`, where escapes in JSON make too much of what was short as text
   */
  answer(endings: readonly Choice[] = []): { answer: ModelAnswer['answer']; choices: Choice[] } {
    const answer = this.joined.message(0);
    const choices = endings
      .map((ending) => this.choice(ending))
      .filter((choice) => Object.keys(choice).length > 1);
    if ((this.joined.size.units + this.units) * MAX_BYTES_PER_UNIT > MAX_ANSWER_BYTES) {
      const bytes = Buffer.byteLength(JSON.stringify([answer, choices])) + this.units;
      if (bytes > MAX_ANSWER_BYTES) throw answerTooLarge(`is larger than ${MAX_ANSWER_BYTES} bytes`);
    }
    return { answer, choices };
  }

  private choice({ index, ...ending }: Choice): Choice {
    const logprobs = this.joined.logprobs(index);
    return {
      index,
      ...(index === 0 ? {} : { message: this.joined.message(index) }),
      ...(logprobs === null ? {} : { logprobs }),
      ...ending,
    };
  }

  private checkSize(): void {
    const { units, entries } = this.joined.size;
    if (units + this.units > MAX_ANSWER_BYTES)
      throw answerTooLarge(`is larger than ${MAX_ANSWER_BYTES} bytes`);
    if (entries > MAX_ENTRIES) throw answerTooLarge(`has more than ${MAX_ENTRIES} parts`);
  }
}
