import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backoffDelayMs } from '../../domain/message/backoff.policy.js';
import { turnReady } from '../../domain/message/held-turn.decision.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { Sources } from '../../platform/clock.js';
import type { HeldTurns, ReadyTurn } from './held-turns.js';

const AGAIN = { baseDelayMs: 100, maxDelayMs: 5_000 };

export interface TurnRelayParts {
  readonly held: HeldTurns;
  readonly log: EventLog;
  readonly sources: Sources;
  readonly logger: Logger;
}

/**
 * Puts a held turn back into its lane once the turn before it has ended.
 *
 * It runs where the projection is written and is told of each batch after its commit, so it sees "held" and "ended" in
 * the order of the log: whichever comes later finds the other. A crash is made good by the look at everything with which
 * each run begins; a repeated append stores nothing, or an entry into the lane that the fold knows to be out of date.
 */
export class TurnRelay {
  private readonly waiting = new Set<string>();
  private everything = false;
  private work: Promise<void> | null = null;

  constructor(private readonly parts: TurnRelayParts) {}

  /** To be called when the projection begins to be written here: looks at all held turns once. */
  begin(signal: AbortSignal): void {
    this.everything = true;
    this.run(signal);
  }

  /** @param messageIds those that were held, ended, or moved in a batch that is committed */
  moved(messageIds: readonly string[], signal: AbortSignal): void {
    for (const id of messageIds) this.waiting.add(id);
    if (messageIds.length > 0) this.run(signal);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.work;
  }

  private run(signal: AbortSignal): void {
    this.work ??= this.untilDone(signal).finally(() => {
      this.work = null;
    });
  }

  private async untilDone(signal: AbortSignal): Promise<void> {
    for (let failures = 0; (this.everything || this.waiting.size > 0) && !signal.aborted; ) {
      const all = this.everything;
      const ids = [...this.waiting];
      this.everything = false;
      this.waiting.clear();
      try {
        await this.relay(all ? await this.parts.held.allReady() : await this.parts.held.readyAmong(ids));
        failures = 0;
      } catch (error) {
        this.everything ||= all;
        for (const id of ids) this.waiting.add(id);
        failures += 1;
        this.parts.logger.warn(
          { err: error },
          'turns that are ready are not in their lanes yet; trying again',
        );
        await sleep(backoffDelayMs(failures, AGAIN, Math.random()), undefined, { signal }).catch(() => {});
      }
    }
  }

  private async relay(turns: readonly ReadyTurn[]): Promise<void> {
    await Promise.all(turns.map((turn) => this.relayOne(turn)));
  }

  private async relayOne(turn: ReadyTurn): Promise<void> {
    const { log, sources } = this.parts;
    const received = (await log.get(turn.receivedSequence))?.event;
    // Erased meanwhile: nothing is left that could be run.
    if (received?.type !== 'llmq.message.received.v1') return;
    const context = { now: new Date(sources.nowMs()).toISOString(), newId: sources.newId };
    await log.append([turnReady(received, turn, context)], {
      dedupeKey: `turn:${turn.messageId}:${turn.attempt}:${turn.behind}`,
    });
  }
}
