import { type JetStreamManager, jetstreamManager, type MsgRequest } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import type { Lane } from '../../../domain/message/lane.policy.js';
import { routeSubject } from '../../../log/subjects.js';
import { NATS } from '../../../platform/tokens.js';

const TIMEOUT_MS = 2_000;

interface Head {
  readonly sequence: number;
  /** When it was stored, in milliseconds since the epoch. */
  readonly atMs: number;
}

/** Since when the first message of a route waits that no worker has taken. A head that is still the head is not asked for again. */
@Injectable()
export class LaneHeads {
  private manager: Promise<JetStreamManager> | null = null;
  private readonly heads = new Map<string, Head>();

  constructor(@Inject(NATS) private readonly nats: NatsConnection) {}

  /**
   * @param next the record behind the last one that was delivered
   * @returns milliseconds since the epoch; null where nothing waits
   * @throws when the broker does not say
   */
  async waitsSince(lane: Lane, route: string, next: number): Promise<number | null> {
    const subject = routeSubject(lane, route);
    const known = this.heads.get(subject);
    if (known !== undefined && known.sequence >= next) return known.atMs;
    this.manager ??= jetstreamManager(this.nats, { checkAPI: false, timeout: TIMEOUT_MS });
    const { streams } = await this.manager;
    // The declared type knows neither of both together; the server takes the first of the subject from there on.
    const wanted = { seq: next, next_by_subj: subject } as MsgRequest;
    const stored = await streams.getMessage(EVENTS_STREAM, wanted);
    if (stored === null) return null;
    const head = { sequence: stored.seq, atMs: stored.time.getTime() };
    this.heads.set(subject, head);
    return head.atMs;
  }
}
