/**
 * What a check of the log can find. `broken` is a rule that must hold and does not; `note` is what the rules allow and
 * an auditor may want to know: at-least-once execution makes late answers, erasure makes gaps.
 */
export const RULES = {
  gap: 'The log has no record where one must be, and no erasure has named it.',
  erased: 'The log has no record there, and an erasure says that it took it out.',
  not_erased: 'An erasure says that it has taken this out of the log, and it is there.',
  malformed: 'A record is not an event that this version understands.',
  orphan: 'An event of a message that was never received.',
  tenant_changed: 'An event names another tenant than the message it belongs to.',
  second_answer: 'One call of one message has two answers in the log.',
  not_in_lane:
    'A message was dispatched that no lane held: it was never put into one, or waited for its time.',
  attempt_skipped: 'A call of an attempt that was never put into a lane.',
  end_without_call: 'A call has an outcome and no beginning.',
  requeued_alive: 'A message was requeued that had not ended.',
  turn_overtaken: 'A turn was dispatched before an earlier turn of its conversation had ended.',
  summary_ahead: 'A summary covers a turn that had not ended.',
  late_end: 'A further terminal event; the first one counts.',
  late_event: 'An event of a message that had ended; it changes nothing.',
  received_again: 'A message was received again under the same id; the first one counts.',
  row_missing: 'A message of the log is not in PostgreSQL.',
  row_differs: 'A message is not in PostgreSQL as the log tells it.',
  result_differs: 'The answer in PostgreSQL is not the one that counts in the log.',
  row_without_event: 'A message is in PostgreSQL but not in the log.',
  index_differs: "PostgreSQL's index of events has not as many events as the log.",
  projection_behind: 'The projection is behind the log; what it lacks was not compared.',
} as const;

export type Rule = keyof typeof RULES;

const NOTES: ReadonlySet<Rule> = new Set([
  'erased',
  'late_end',
  'late_event',
  'received_again',
  'projection_behind',
]);

export interface Finding {
  readonly rule: Rule;
  /** Where in the log; null where it is about PostgreSQL alone. */
  readonly sequence: number | null;
  /** The message's or conversation's id; null where it is about neither. */
  readonly subject: string | null;
  readonly detail: string;
}

export function isBroken({ rule }: Pick<Finding, 'rule'>): boolean {
  return !NOTES.has(rule);
}
