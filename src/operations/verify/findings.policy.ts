/**
 * What a check of the log can find. `broken` is a rule that must hold and does not; `note` is what the rules allow and
 * an auditor may want to know: at-least-once execution makes late answers, erasure makes gaps.
 */
export const RULES = {
  gap: 'A record is missing from the log, and no erasure names it.',
  lost: 'A record is missing from the log, and an operator went on without it.',
  log_end_lost: 'PostgreSQL has more than the log: the log has lost its end, or is an older copy.',
  log_replaced: 'PostgreSQL was built from another log than this one.',
  erased: 'A record is missing from the log, and an erasure names it.',
  not_erased: 'A record is still in the log, although an erasure that has ended names it.',
  stray: 'A record is no event of this service; it was passed over, and changes nothing.',
  malformed: 'A record is not an event that this version understands.',
  orphan: 'An event belongs to a message that was never received.',
  tenant_changed: 'An event names another tenant than its message.',
  second_answer: 'One call of one message has two answers in the log.',
  not_in_lane:
    'A message was dispatched although it was in no lane: it was never put into one, or was not due yet.',
  attempt_skipped: 'An attempt was called that was never put into a lane.',
  end_without_call: 'A call has an outcome but no start.',
  requeued_alive: 'A message was requeued before it had ended.',
  turn_overtaken: 'A turn was dispatched before an earlier turn of its conversation had ended.',
  summary_ahead: 'A summary covers a turn that had not ended.',
  late_end: 'A further terminal event; the first one counts.',
  late_event: 'An event of a message that had ended; it changes nothing.',
  stored_twice: 'An event is in the log a second time, under the same id; the first one counts.',
  received_again: 'A message was received again under the same id; the first one counts.',
  row_missing: 'A message of the log is not in PostgreSQL.',
  row_differs: 'A message in PostgreSQL differs from the log.',
  result_differs: 'The answer in PostgreSQL is not the one that counts in the log.',
  row_without_event: 'A message is in PostgreSQL but not in the log.',
  index_differs: "PostgreSQL's index of events has another number of events than the log.",
  projection_behind: 'The projection is behind the log; the events that it lacks were not compared.',
} as const;

export type Rule = keyof typeof RULES;

const NOTES: ReadonlySet<Rule> = new Set([
  'erased',
  'stray',
  'late_end',
  'late_event',
  'stored_twice',
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

/** A report is for people: what is long in the log is told by its beginning and its length. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}... (${text.length} characters)`;
}

export function isBroken({ rule }: Pick<Finding, 'rule'>): boolean {
  return !NOTES.has(rule);
}
