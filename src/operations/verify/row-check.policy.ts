import type { MessageState } from '../../domain/message/message.state.js';
import type { Finding } from './findings.policy.js';

/** The answer that counts, as the log or PostgreSQL has it. */
export interface KnownAnswer {
  readonly sequence: number;
  readonly answer: unknown;
}

/** A message as the log tells it up to some sequence, with the answer that counts where there is one. */
export interface ExpectedMessage {
  readonly state: MessageState;
  readonly answer: KnownAnswer | null;
  /** Where the walk through the log ended, when it has come there; null for a message that it may meet again. */
  readonly walkedTo: number | null;
}

/**
 * Holds PostgreSQL's rows of a message against the log. A row that is ahead belongs to a later event, which is to be
 * compared when the walk comes there, and is wrong when there is none; one that is behind, while the projection has
 * passed the event, is wrong.
 */
export function checkRow(
  { state, answer, walkedTo }: ExpectedMessage,
  row: MessageState | null,
  result: KnownAnswer | null,
): Finding[] {
  const finding = (rule: Finding['rule'], detail: string): Finding => ({
    ...{ rule, detail },
    ...{ sequence: state.lastSequence, subject: state.id },
  });
  if (row === null) return [finding('row_missing', `status ${state.status} in the log`)];
  if (row.lastSequence > state.lastSequence) {
    if (walkedTo === null || row.lastSequence > walkedTo) return [];
    return [
      finding(
        'row_differs',
        `PostgreSQL has an event at sequence ${row.lastSequence}, which the log has not`,
      ),
    ];
  }
  const fields = differingFields(state, row);
  const found = fields.map((field) =>
    finding(
      'row_differs',
      `${field} is ${shown(row, field)} in PostgreSQL and ${shown(state, field)} in the log`,
    ),
  );
  if (state.status !== 'completed') return found;
  return sameAnswer(answer, result)
    ? found
    : [...found, finding('result_differs', resultDetail(answer, result))];
}

function differingFields(state: MessageState, row: MessageState): (keyof MessageState)[] {
  const keys = Object.keys(state) as (keyof MessageState)[];
  return keys.filter((key) => JSON.stringify(state[key]) !== JSON.stringify(row[key]));
}

function shown(state: MessageState, field: keyof MessageState): string {
  return JSON.stringify(state[field]) ?? 'absent';
}

function sameAnswer(expected: KnownAnswer | null, result: KnownAnswer | null): boolean {
  if (expected === null) return true;
  return (
    result !== null &&
    result.sequence === expected.sequence &&
    JSON.stringify(result.answer) === JSON.stringify(expected.answer)
  );
}

function resultDetail(expected: KnownAnswer | null, result: KnownAnswer | null): string {
  if (result === null) return 'PostgreSQL has no answer';
  return result.sequence === expected?.sequence
    ? 'its content is another one'
    : `it is the one of sequence ${result.sequence}, and ${expected?.sequence} counts`;
}
