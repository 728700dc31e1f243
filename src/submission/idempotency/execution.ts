import type { Logger } from 'pino';
import { derivedId } from './digest.js';
import type { ReservationStore } from './nats/reservation-store.js';
import type { Reservation, StoredResponse } from './reservation.policy.js';

/** A request is not carried out for longer; a process that lost track of one must not hold its key for ever. */
const MAX_BEATS = 200;

export interface Claim {
  readonly key: string;
  readonly fingerprint: string;
  readonly seed: string;
  readonly revision: number;
  readonly again: boolean;
}

/**
 * The right to carry one request out. It is renewed until it ends, in exactly one of `done`, `refused` and `uncertain`.
 * Whatever it ends in, the first response is the client's: that it could not be kept only costs a retry more work.
 */
export class Execution {
  private revision: number;
  private beats = 0;
  private turn: Promise<void> = Promise.resolve();
  private ended = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly store: ReservationStore,
    private readonly claim: Claim,
    beatMs: number,
    private readonly onEnd: () => void,
    private readonly logger: Logger,
  ) {
    this.revision = claim.revision;
    this.timer = setInterval(() => this.beat(), beatMs);
    this.timer.unref();
  }

  /** An earlier run may have done some of it, under the same ids: look before doing it again. */
  get again(): boolean {
    return this.claim.again;
  }

  /** For appends: an earlier run that is only slow then stores nothing twice. */
  get dedupeKey(): string {
    return `idempotent:${this.claim.seed}`;
  }

  /** The id of the message at this index among those that the request makes. */
  idAt(index: number): string {
    return derivedId(this.claim.seed, index);
  }

  done(response: StoredResponse): Promise<void> {
    const { fingerprint } = this.claim;
    return this.end({ state: 'done', fingerprint, response });
  }

  /** It left nothing, and the client may correct and repeat it under the same key. */
  refused(): Promise<void> {
    // That this run was refused says nothing about an earlier one.
    return this.claim.again ? this.uncertain() : this.end({ state: 'free' });
  }

  uncertain(): Promise<void> {
    const { fingerprint, seed } = this.claim;
    return this.end({ state: 'uncertain', fingerprint, seed });
  }

  private async end(last: Reservation): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.timer);
    await this.inTurn(last);
    this.onEnd();
  }

  private beat(): void {
    this.beats += 1;
    if (this.beats > MAX_BEATS) {
      clearInterval(this.timer);
      this.onEnd();
      return;
    }
    const { fingerprint, seed } = this.claim;
    void this.inTurn({ state: 'running', fingerprint, seed, beat: this.beats });
  }

  /** One write after the other, since each needs the revision of the one before. Never rejects. */
  private inTurn(reservation: Reservation): Promise<void> {
    this.turn = this.turn.then(async () => {
      try {
        this.revision = (await this.store.write(this.claim.key, reservation, this.revision)) ?? this.revision;
      } catch (error) {
        this.logger.warn({ err: error, state: reservation.state }, 'an idempotency key was not updated');
      }
    });
    return this.turn;
  }
}
