import { assertNever } from '../../../domain/assert-never.js';
import type { CallSign } from '../health/call-sign.state.js';
import { addedLatencies, type Latencies, withLatency } from './latencies.policy.js';

/** What became of the calls of one model at one endpoint. */
export interface CallCounts {
  /** Calls under way. */
  readonly running: number;
  readonly answered: number;
  /** Taken by the endpoint, and failed. */
  readonly failed: number;
  /** Not taken: limits, overload, nobody listening. */
  readonly refused: number;
  /** Refused for what they asked. */
  readonly rejected: number;
  /** Ended without a word about how: cancelled, or handed back at a stop. */
  readonly untold: number;
  readonly tokens: number;
  readonly firstPiece: Latencies;
  /** Of answered calls. */
  readonly total: Latencies;
}

export const NO_CALLS: CallCounts = {
  ...{ running: 0, answered: 0, failed: 0, refused: 0, rejected: 0, untold: 0, tokens: 0 },
  ...{ firstPiece: {}, total: {} },
};

export function callBegan(counts: CallCounts): CallCounts {
  return { ...counts, running: counts.running + 1 };
}

/** @param sign null where nobody told how it went */
export function callEnded(before: CallCounts, sign: CallSign | null, totalMs: number): CallCounts {
  const counts = { ...before, running: before.running - 1 };
  if (sign === null) return { ...counts, untold: counts.untold + 1 };
  switch (sign.kind) {
    case 'answered':
      return {
        ...counts,
        answered: counts.answered + 1,
        tokens: counts.tokens + (sign.tokens ?? 0),
        firstPiece:
          sign.firstTokenMs === null ? counts.firstPiece : withLatency(counts.firstPiece, sign.firstTokenMs),
        total: withLatency(counts.total, totalMs),
      };
    case 'failed':
      return { ...counts, failed: counts.failed + 1 };
    case 'not_now':
      return { ...counts, refused: counts.refused + 1 };
    case 'rejected':
      return { ...counts, rejected: counts.rejected + 1 };
    default:
      return assertNever(sign);
  }
}

export function added(one: CallCounts, other: CallCounts): CallCounts {
  return {
    running: one.running + other.running,
    answered: one.answered + other.answered,
    failed: one.failed + other.failed,
    refused: one.refused + other.refused,
    rejected: one.rejected + other.rejected,
    untold: one.untold + other.untold,
    tokens: one.tokens + other.tokens,
    firstPiece: addedLatencies(one.firstPiece, other.firstPiece),
    total: addedLatencies(one.total, other.total),
  };
}
