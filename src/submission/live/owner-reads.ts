import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { backoffDelayMs } from '../../domain/message/backoff.policy.js';
import { ThrottledWarning } from '../../platform/logging/throttled-warning.js';
import { LOGGER } from '../../platform/tokens.js';
import { Turns } from '../../platform/turns.js';
import {
  type MessageStanding,
  MessageStandings,
  type StandingsOf,
} from '../../projection/read/message-standings.js';

/** Far fewer than the database connections of the process, which its other requests need too. */
const MOST_AT_ONCE = 3;
/** Followers may be thousands, and all of them fail at the same time. */
const RETRY = { baseDelayMs: 1_000, maxDelayMs: 15_000 };

/**
 * Reads of all messages of a user or a conversation, for the followers of the process. After a cut all of them look at
 * the same time: some read, the others wait for their turn.
 */
@Injectable()
export class OwnerReads {
  private readonly turns = new Turns(MOST_AT_ONCE);
  private readonly failures: ThrottledWarning;

  constructor(
    @Inject(MessageStandings) private readonly standings: Pick<MessageStandings, 'open' | 'endedAfter'>,
    @Inject(LOGGER) logger: Pick<Logger, 'warn'>,
  ) {
    this.failures = new ThrottledWarning(logger);
  }

  open(of: StandingsOf, afterReceived: number, limit: number): Promise<MessageStanding[]> {
    return this.inTurn(() => this.standings.open(of, afterReceived, limit));
  }

  endedAfter(of: StandingsOf, sequence: number, limit: number): Promise<MessageStanding[]> {
    return this.inTurn(() => this.standings.endedAfter(of, sequence, limit));
  }

  inTurn<T>(read: () => Promise<T>): Promise<T> {
    return this.turns.take(read);
  }

  /** Followers may be thousands: what they all meet is told once in a while. */
  failed(error: unknown): void {
    this.failures.warn({ err: error }, 'followers can not read where their messages stand; they try again');
  }
}

/** Resolves when a follower may read again, after so many failures in a row. */
export function pauseAfter(failures: number): Promise<unknown> {
  return sleep(backoffDelayMs(failures, RETRY, Math.random()), undefined, { ref: false });
}
