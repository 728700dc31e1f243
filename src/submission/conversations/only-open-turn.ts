import { Inject, Injectable } from '@nestjs/common';
import { Claims, type StoredClaim, stillCounts } from '../../conversations/nats/claims.js';
import type { Caller } from '../../domain/caller.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { ConversationReader } from '../../projection/read/conversation-reader.js';
import { MessageReader } from '../../projection/read/message-reader.js';
import { ProjectionBehindError } from '../../projection/read/projection-behind.error.js';
import { RefusedError, refused } from '../refusal.js';
import { ConversationLookup } from './conversation-lookup.js';

/** Longer than an append with an unknown outcome is retried: a message that is not in the log by then never comes. */
const CLAIM_MS = 120_000;
const PAGE = 100;
const MOST_TRIES = 20;

/** The right to send a message, until it is in the log or this gives it back. */
export interface TurnClaim {
  /** For a message that was not stored. Never rejects: a claim that stays runs out. */
  giveBack(): Promise<void>;
}

/**
 * Lets a message into a conversation while no turn is open there, one of all that any processes get.
 *
 * The log knows the turns that were accepted, but of two processes that look at the same moment both would see none. So
 * each first reads the conversation's claim, then looks at all that the log has, and then writes a claim of its own if
 * the one it read still stands. Whoever was accepted since has written one. A claim counts as long as its message may
 * still be on its way: once that is in the log, its turn tells more, and a process that died between the two leaves a
 * claim that runs out.
 */
@Injectable()
export class OnlyOpenTurn {
  constructor(
    @Inject(Claims) private readonly claims: Claims,
    @Inject(ConversationReader) private readonly turns: ConversationReader,
    @Inject(MessageReader) private readonly messages: MessageReader,
    private readonly lookup: ConversationLookup,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  /**
   * @throws {RefusedError} `turn_open`
   * @throws {ProjectionBehindError} when it is not known in time
   * @throws {LogUnavailableError}
   */
  async claim({ tenant }: Caller, conversationId: string, messageId: string): Promise<TurnClaim> {
    for (let tries = 1; ; tries += 1) {
      const before = await this.claims.read('turn', conversationId);
      const rival = await this.rivalOf(before, messageId);
      const open = rival ?? (await this.firstOpen(tenant, conversationId));
      if (open !== null && open !== messageId) throw turnOpen(open);
      const mine = { holder: messageId, until: this.sources.nowMs() + CLAIM_MS };
      const revision = await this.claims.write('turn', conversationId, mine, before?.revision ?? 0);
      if (revision !== null) return { giveBack: () => this.giveBack(conversationId, messageId, revision) };
      if (tries === MOST_TRIES) throw turnOpen(before?.claim.holder ?? 'of another request');
    }
  }

  /** The message of a claim that counts. From here on the projection has all that was in the log after the claim was read. */
  private async rivalOf(stored: StoredClaim | null, messageId: string): Promise<string | null> {
    const last = await this.log.lastSequence();
    if (!(await this.lookup.reach(last))) throw new ProjectionBehindError(last);
    if (stored === null || stored.claim.holder === messageId) return null;
    const { holder } = stored.claim;
    if (!stillCounts(stored.claim, this.sources.nowMs(), CLAIM_MS)) return null;
    return (await this.messages.state(holder)) === null ? holder : null;
  }

  private async firstOpen(tenant: string, conversationId: string): Promise<string | null> {
    const turns = await this.turns.turns(tenant, conversationId, { limit: PAGE });
    return turns.find(({ status }) => !isTerminalStatus(status))?.messageId ?? null;
  }

  private async giveBack(conversationId: string, messageId: string, revision: number): Promise<void> {
    await this.claims
      .write('turn', conversationId, { holder: messageId, until: 0 }, revision)
      .catch(() => null);
  }
}

export function turnOpen(messageId: string): RefusedError {
  return refused(
    'turn_open',
    `The conversation accepts no message while its message ${messageId} runs or waits.`,
  );
}
