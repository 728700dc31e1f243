import type { MessageState } from '../../domain/message/message.state.js';
import { cut, type Finding } from './findings.policy.js';

/** The answer that counts, as the log or PostgreSQL has it. */
export interface KnownAnswer {
  readonly sequence: number;
  readonly answer: unknown;
}

/** So that both values are seen, whatever one of them is. */
const MAX_VALUE_LENGTH = 120;

/** A message as the log tells it up to some sequence, with the answer that counts where there is one. */
export interface ExpectedMessage {
  readonly state: MessageState;
  readonly answer: KnownAnswer | null;
  /** Where the check of the log ended; null as long as it may still come to later events of the message. */
  readonly walkedTo: number | null;
}

/**
 * Compares PostgreSQL's rows of a message with the log. A row that is ahead of the log belongs to a later event and is
 * compared again there; if there is no later event, it is wrong. A row that is behind is wrong too, because the
 * projection has applied the event.
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
  return cut(JSON.stringify(state[field]) ?? 'absent', MAX_VALUE_LENGTH);
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
