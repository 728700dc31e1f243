import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Caller } from '../../domain/caller.js';
import type { DoubleTexting } from '../../domain/conversation/conversation.events.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import type { EventLog } from '../../log/event-log.port.js';
import { aboutMessage } from '../../platform/logging/about-message.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import { ConversationReader } from '../../projection/read/conversation-reader.js';
import { MessageReader } from '../../projection/read/message-reader.js';
import { CancelMessage } from '../cancel-message.js';
import { mayBeDone, RefusedError } from '../refusal.js';
import { refusedBy } from '../refusal-of.js';
import { ConversationLookup } from './conversation-lookup.js';
import { OnlyOpenTurn, type TurnClaim, turnOpen } from './only-open-turn.js';

/** A message that wants to become a turn. */
export interface NewTurn {
  readonly messageId: string;
  readonly conversationId: string;
  readonly mode: DoubleTexting;
}

interface Item {
  /** Null outside of a conversation. */
  readonly turn: NewTurn | null;
}

/** Which of several messages may be sent, in their order. */
export interface LetIn<T> {
  readonly admitted: readonly T[];
  readonly refused: readonly { readonly item: T; readonly error: RefusedError }[];
  /** To be called once it is known what became of each of them: null, or why it was not stored. */
  settle(errorOf: (item: T) => RefusedError | null): Promise<void>;
}

const PAGE = 100;

/**
 * What happens to a message that is sent while a turn of its conversation runs or waits.
 *
 * - `enqueue`: nothing; the gate of turns holds it until its time.
 * - `reject`: it is refused. Of all that any processes get for one conversation while no turn is open, one is accepted.
 * - `interrupt`: it is accepted, and every turn before it that has not ended is cancelled, so that it runs next.
 */
@Injectable()
export class DoubleTextingPolicy {
  constructor(
    @Inject(ConversationReader) private readonly reader: ConversationReader,
    @Inject(MessageReader) private readonly messages: MessageReader,
    private readonly onlyOpenTurn: OnlyOpenTurn,
    private readonly lookup: ConversationLookup,
    private readonly cancelMessage: CancelMessage,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Never rejects. What comes later among the items finds what came before it open. Refusals: `turn_open`, and
   * `projection_behind` or `log_unavailable` where it is not known in time whether a turn is open.
   */
  async letIn<T extends Item>(caller: Caller, items: readonly T[]): Promise<LetIn<T>> {
    const admitted: T[] = [];
    const refused: { item: T; error: RefusedError }[] = [];
    const claims = new Map<T, TurnClaim>();
    const open = new Map<string, string>();
    for (const item of items) {
      const { turn } = item;
      try {
        if (turn?.mode === 'reject') claims.set(item, await this.claim(caller, turn, open));
        if (turn !== null) open.set(turn.conversationId, turn.messageId);
        admitted.push(item);
      } catch (error) {
        refused.push({ item, error: refusedBy(error) });
      }
    }
    const settle = async (errorOf: (item: T) => RefusedError | null) => {
      for (const [item, claim] of claims) {
        const error = errorOf(item);
        // If it may have been stored, the claim stays: it holds until the message is in the log, or runs out.
        if (error !== null && !mayBeDone(error.refusal)) await claim.giveBack();
      }
      const stored = admitted.filter((item) => errorOf(item) === null);
      await this.interruptFor(
        caller,
        stored.map(({ turn }) => turn),
      );
    };
    return { admitted, refused, settle };
  }

  private async claim(
    caller: Caller,
    { conversationId, messageId }: NewTurn,
    open: ReadonlyMap<string, string>,
  ): Promise<TurnClaim> {
    const before = open.get(conversationId);
    if (before !== undefined) throw turnOpen(before);
    return this.onlyOpenTurn.claim(caller, conversationId, messageId);
  }

  /** In each conversation only the last of them interrupts: that includes those before it. */
  private async interruptFor(caller: Caller, turns: readonly (NewTurn | null)[]): Promise<void> {
    const last = new Map<string, NewTurn>();
    for (const turn of turns) if (turn?.mode === 'interrupt') last.set(turn.conversationId, turn);
    await Promise.all([...last.values()].map((turn) => this.interrupt(caller, turn)));
  }

  /** The new turn is durable already: whatever fails here leaves it waiting behind turns that end by themselves. */
  private async interrupt(caller: Caller, { conversationId, messageId }: NewTurn): Promise<void> {
    try {
      await this.lookup.reach(await this.log.lastSequence());
      const state = await this.messages.state(messageId);
      if (state === null) throw new Error('The projection does not have the new turn yet.');
      const query = { behind: state.turnSequence, limit: PAGE };
      const turns = await this.reader.turns(caller.tenant, conversationId, query);
      const open = turns.filter(({ status }) => !isTerminalStatus(status));
      // From the newest on: an older one that was cancelled first would let the next start before its time comes.
      for (const earlier of open) await this.cancel(caller, earlier.messageId, messageId);
    } catch (error) {
      this.logger.warn(
        { err: error, ...aboutMessage(messageId) },
        'turns were not interrupted, and run first',
      );
    }
  }

  private async cancel(caller: Caller, messageId: string, by: string): Promise<void> {
    try {
      await this.cancelMessage.cancel(caller, messageId, `interrupted by message ${by}`);
    } catch (error) {
      if (!(error instanceof RefusedError && error.code === 'already_terminal')) throw error;
    }
  }
}
