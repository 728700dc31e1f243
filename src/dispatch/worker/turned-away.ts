import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { NotTaken } from '../../domain/message/defer.decision.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import { type NextStep, type Refusals, turnedAway } from './turned-away.policy.js';

/** Those that were refused last; one that is forgotten tries first again, once. */
const MESSAGES = 10_000;

/**
 * The messages whose calls were not taken, as this worker has seen it. It shares that with no other: over several
 * workers a request can be refused more often before it counts as at fault, by each of them as often.
 */
@Injectable()
export class TurnedAway {
  private readonly messages = new LRUCache<string, Refusals>({ max: MESSAGES });

  constructor(@Inject(EndpointRegistry) private readonly registry: Pick<EndpointRegistry, 'watches'>) {}

  /** Its call was not taken just now. */
  refused(messageId: string, { endpoint, model, reason }: NotTaken): NextStep {
    const nowMs = performance.now();
    const { closedForMs, servedAgoMs } = this.registry.watches.opening(endpoint, model);
    const before = this.messages.get(messageId) ?? null;
    const { refusals, next } = turnedAway(
      before,
      reason,
      { closedForMs, servedMs: nowMs - servedAgoMs },
      nowMs,
    );
    this.messages.set(messageId, refusals);
    return next;
  }

  /** A call of it was taken, or it has ended. */
  taken(messageId: string): void {
    this.messages.delete(messageId);
  }
}
