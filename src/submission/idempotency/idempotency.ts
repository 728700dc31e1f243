import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { LogRoom } from '../../log/room/log-room.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LOGGER } from '../../platform/tokens.js';
import { idempotencyInProgress, RefusedError, refused } from '../refusal.js';
import { Execution } from './execution.js';
import { ReservationStore } from './nats/reservation-store.js';
import { type Judgement, judge, type StoredResponse } from './reservation.policy.js';

const SHORTEST_POLL_MS = 20;
const LONGEST_POLL_MS = 250;
/** What a retry waits longer than a lost process's reservation holds, so that it takes it over and is not sent away. */
const WAIT_BEYOND_LEASE_MS = 5_000;
const BEATS_PER_LEASE = 3;
const LEASE_BEYOND_APPEND_MS = 5_000;

/** One request under its key. */
export interface KeyedRequest {
  /** A digest of all that a key is unique within: tenant, method and path, and of the key itself. */
  readonly key: string;
  /** A digest of what is asked. */
  readonly fingerprint: string;
}

export type Begun =
  | { readonly kind: 'replay'; readonly response: StoredResponse }
  | { readonly kind: 'execute'; readonly execution: Execution };

/**
 * Lets a request be carried out once per key, over all processes, and remembers its response.
 *
 * Of those that come while it runs, each process sends one to look at the broker again and again; the others of the
 * process wait for that one. A process that dies leaves a reservation that falls silent: the next one takes it over
 * with the same ids, finds out what was stored, and does the rest.
 */
@Injectable()
export class Idempotency {
  /** How long a request counts as running after its last renewal; longer than an append may take. */
  private readonly leaseMs: number;
  /** What this process carries out or waits for; each resolves when it is over. */
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(
    private readonly store: ReservationStore,
    @Inject(LogRoom) private readonly room: Pick<LogRoom, 'refusal'>,
    @Inject(SERVICE_CONFIG) { nats }: ServiceConfig,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.leaseMs = nats.append_timeout_ms + LEASE_BEYOND_APPEND_MS;
  }

  /**
   * Either the response that was given already, or the right to carry the request out; it must then be ended.
   *
   * @throws {RefusedError} `idempotency_key_reused`; `idempotency_in_progress` when the first one is still running after
   *   a while
   * @throws {LogUnavailableError} when the broker does not answer; nothing was begun
   * @throws {LogFullError} while the log has no room for what a new request asks; nothing was begun
   */
  async begin(request: KeyedRequest): Promise<Begun> {
    const deadline = performance.now() + this.leaseMs + WAIT_BEYOND_LEASE_MS;
    for (;;) {
      const other = this.underWay.get(request.key);
      if (other === undefined) return this.lead(request, deadline);
      const leftMs = deadline - performance.now();
      const over = await Promise.race([other, sleep(leftMs, 'late' as const, { ref: false })]);
      if (over === 'late') throw idempotencyInProgress();
    }
  }

  /** This process's one. It keeps the others waiting until it is told the response, or has carried the request out. */
  private async lead(request: KeyedRequest, deadline: number): Promise<Begun> {
    let release: () => void = () => undefined;
    const over = new Promise<void>((resolve) => {
      release = () => {
        this.underWay.delete(request.key);
        resolve();
      };
    });
    this.underWay.set(request.key, over);
    try {
      const begun = await this.claim(request, deadline, release);
      if (begun.kind === 'replay') release();
      return begun;
    } catch (error) {
      release();
      throw error;
    }
  }

  private async claim(request: KeyedRequest, deadline: number, onEnd: () => void): Promise<Begun> {
    // Without room nothing is begun, but a response that was given is still told again.
    const created = this.room.refusal() === null ? await this.take(request, null, 0, onEnd) : null;
    if (created !== null) return created;
    let seen = { revision: 0, at: 0 };
    for (let pollMs = SHORTEST_POLL_MS; ; pollMs = Math.min(pollMs * 1.5, LONGEST_POLL_MS)) {
      const now = performance.now();
      const stored = await this.store.read(request.key);
      const revision = stored?.revision ?? 0;
      if (revision !== seen.revision) seen = { revision, at: now };
      const judgement: Judgement =
        stored === null
          ? { kind: 'take', seed: null }
          : judge(stored.reservation, request.fingerprint, now - seen.at, this.leaseMs);
      if (judgement.kind === 'reused') throw keyReused();
      if (judgement.kind === 'replay') return judgement;
      if (judgement.kind === 'take') {
        const taken = await this.take(request, judgement.seed, revision, onEnd);
        if (taken !== null) return taken;
      }
      if (performance.now() >= deadline) throw idempotencyInProgress();
      await sleep(pollMs);
    }
  }

  /** @param earlierSeed of a run whose outcome is unknown; null when there was none */
  private async take(
    { key, fingerprint }: KeyedRequest,
    earlierSeed: string | null,
    revision: number,
    onEnd: () => void,
  ): Promise<Begun | null> {
    const full = this.room.refusal();
    if (full !== null) throw full;
    const seed = earlierSeed ?? this.sources.newId();
    const taken = await this.store.write(key, { state: 'running', fingerprint, seed, beat: 0 }, revision);
    if (taken === null) return null;
    const claim = { key, fingerprint, seed, revision: taken, again: earlierSeed !== null };
    const beatMs = this.leaseMs / BEATS_PER_LEASE;
    return { kind: 'execute', execution: new Execution(this.store, claim, beatMs, onEnd, this.logger) };
  }
}

function keyReused(): RefusedError {
  return refused(
    'idempotency_key_reused',
    'This Idempotency-Key was used for another request; use a new key for a new request.',
  );
}
