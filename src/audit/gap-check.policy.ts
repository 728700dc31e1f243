import type { Finding } from './findings.policy.js';

/** Records that are not there, from one to another of the broker's sequences. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** Records are numbered without gaps: what lies between two that follow each other is gone. */
export function gapBetween(lastRecord: number, record: number): Gap | null {
  return record > lastRecord + 1 ? { from: lastRecord + 1, to: record - 1 } : null;
}

/**
 * An erasure removes records that lie before it and leaves an event of its own. So a gap behind the last erasure was
 * not made by one; of the others only that is known that an erasure can have made them.
 *
 * @param lastErasure the record of the last ConversationErased, 0 without one
 */
export function gapFindings(gaps: readonly Gap[], lastErasure: number): Finding[] {
  return gaps.map(({ from, to }) => {
    const count = to - from + 1;
    const records = count === 1 ? `record ${from}` : `records ${from} to ${to} (${count})`;
    const rule = to < lastErasure ? 'erased' : 'gap';
    return { rule, sequence: 2 * from, subject: null, detail: `the log has no ${records}` };
  });
}
