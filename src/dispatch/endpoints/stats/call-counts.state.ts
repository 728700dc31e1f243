import { assertNever } from '../../../domain/assert-never.js';
import type { CallSign } from '../health/call-sign.state.js';
import { addedLatencies, countLatency, type Latencies } from './latencies.policy.js';

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

/** The same while it is counted. It changes in place: every call is counted twice, and a copy costs more than the count. */
export class CallTally implements CallCounts {
  running = 0;
  answered = 0;
  failed = 0;
  refused = 0;
  rejected = 0;
  untold = 0;
  tokens = 0;
  readonly firstPiece: Record<string, number> = {};
  readonly total: Record<string, number> = {};

  began(): void {
    this.running += 1;
  }

  /** @param sign null where nobody told how it went */
  ended(sign: CallSign | null, totalMs: number): void {
    this.running -= 1;
    switch (sign?.kind) {
      case undefined:
        this.untold += 1;
        return;
      case 'answered':
        this.answered += 1;
        this.tokens += sign.tokens ?? 0;
        if (sign.firstTokenMs !== null) countLatency(this.firstPiece, sign.firstTokenMs);
        countLatency(this.total, totalMs);
        return;
      case 'failed':
        this.failed += 1;
        return;
      case 'not_now':
        this.refused += 1;
        return;
      case 'rejected':
        this.rejected += 1;
        return;
      default:
        assertNever(sign);
    }
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
