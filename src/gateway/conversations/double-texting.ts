import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { DoubleTexting } from '../../conversation/conversation.events.js';
import { CONVERSATION_READER, type ConversationReader } from '../../conversation/conversation-reader.port.js';
import type { EventLog } from '../../event-log/event-log.port.js';
import { isTerminalStatus } from '../../message/message.state.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import type { Caller } from '../../security/caller.js';
import { CancelMessage } from '../cancel-message.js';
import { RefusedError } from '../http/refused.error.js';
import { ConversationLookup } from './conversation-lookup.js';

/** Where the log has the new turn, once it is durable. */
export interface StoredTurn {
  readonly messageId: string;
  readonly sequence: number;
}

const PAGE = 100;

/**
 * What happens to a message that is sent while a turn of its conversation runs or waits.
 *
 * - `enqueue`: nothing; the gate of turns holds it until its time.
 * - `reject`: it is refused. Messages that this process gets for one conversation are looked at one after the other; two
 *   that two processes get in the very same moment may both be accepted, and then they run in their order.
 * - `interrupt`: it is accepted, and every turn before it that has not ended is cancelled, so that it runs next.
 */
@Injectable()
export class DoubleTextingPolicy {
  private readonly sending = new Map<string, Promise<unknown>>();

  constructor(
    @Inject(CONVERSATION_READER) private readonly reader: ConversationReader,
    private readonly lookup: ConversationLookup,
    private readonly cancelMessage: CancelMessage,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * @param store makes the new turn durable
   * @throws {RefusedError} `turn_open` for `reject`
   * @throws what `store` throws
   */
  async through(
    mode: DoubleTexting,
    caller: Caller,
    conversationId: string,
    store: () => Promise<StoredTurn>,
  ): Promise<void> {
    switch (mode) {
      case 'enqueue':
        await store();
        return;
      case 'reject':
        return this.oneByOne(conversationId, () => this.unlessOpen(caller, conversationId, store));
      case 'interrupt':
        return this.interrupt(caller, conversationId, await store());
      default:
        return assertNever(mode);
    }
  }

  private async unlessOpen(
    { tenant }: Caller,
    conversationId: string,
    store: () => Promise<unknown>,
  ): Promise<void> {
    await this.lookup.reach(await this.log.lastSequence());
    const open = await this.firstOpen(tenant, conversationId);
    if (open !== null) throw turnOpen(conversationId, open);
    await store();
  }

  private async firstOpen(tenant: string, conversationId: string): Promise<string | null> {
    const turns = await this.reader.turns(tenant, conversationId, { limit: PAGE });
    return turns.find(({ status }) => !isTerminalStatus(status))?.messageId ?? null;
  }

  /** The new turn is durable already: whatever fails here leaves it waiting behind turns that end by themselves. */
  private async interrupt(caller: Caller, conversationId: string, turn: StoredTurn): Promise<void> {
    try {
      await this.lookup.reach(turn.sequence);
      const query = { behind: turn.sequence, limit: PAGE };
      const turns = await this.reader.turns(caller.tenant, conversationId, query);
      const open = turns.filter(({ status }) => !isTerminalStatus(status));
      // From the newest on: an older one that was cancelled first would let the next start before its time comes.
      for (const { messageId } of open) await this.cancel(caller, messageId, turn.messageId);
    } catch (error) {
      this.logger.warn(
        { err: error, messageId: turn.messageId },
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

  /** One after the other for each conversation, in the order in which they came. */
  private async oneByOne<T>(conversationId: string, task: () => Promise<T>): Promise<T> {
    const before = this.sending.get(conversationId) ?? Promise.resolve();
    const mine = before.then(task, task);
    this.sending.set(conversationId, mine);
    try {
      return await mine;
    } finally {
      if (this.sending.get(conversationId) === mine) this.sending.delete(conversationId);
    }
  }
}

function turnOpen(conversationId: string, messageId: string): RefusedError {
  return new RefusedError(
    'turn_open',
    `The conversation ${conversationId} takes no message while its message ${messageId} runs or waits.`,
  );
}

function assertNever(mode: never): never {
  throw new Error(`Not a policy for double texting: ${mode}`);
}
