import { Inject, Injectable } from '@nestjs/common';
import { Cancellations } from '../../dispatch/cancellations/nats/cancellations.js';
import type { Caller } from '../../domain/caller.js';
import { eraseConversation } from '../../domain/conversation/erase-conversation.decision.js';
import { messageEvent } from '../../domain/message/message.events.js';
import { type EventLog, MAX_EVENTS_PER_APPEND } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { type ErasableMessage, ErasureReader } from '../../projection/read/erasure-reader.js';
import { ConversationLookup } from './conversation-lookup.js';
import { Conversations } from './conversations.js';

/**
 * Takes a conversation away with all its messages.
 *
 * What waits or runs is cancelled first, so that no worker begins with it. Then the erasure is written down: from that
 * event on nobody reads the content, whatever crashes, and the eraser takes it out of the log.
 */
@Injectable()
export class EraseConversation {
  constructor(
    private readonly conversations: Conversations,
    private readonly lookup: ConversationLookup,
    @Inject(ErasureReader) private readonly reader: ErasureReader,
    @Inject(Cancellations) private readonly cancellations: Cancellations,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

  /**
   * How many messages went with it. Resolves when the erasure is durable and readers see it.
   *
   * @throws {RefusedError} `not_found`
   * @throws what `EventLog.append` throws
   */
  async erase(caller: Caller, named: string): Promise<number> {
    const { id } = await this.conversations.get(caller, named);
    // What was accepted before this is to be cancelled, though the projection may not know it yet.
    await this.lookup.reach(await this.log.lastSequence());
    const messages = await this.reader.messagesOf(caller.tenant, id);
    const open = messages.filter((message) => message.open);
    await this.cancel(caller, open);
    const context = { ...this.now(caller), subject: id };
    const messageIds = messages.map((message) => message.id);
    for (const event of eraseConversation(context, { messageIds, by: caller.name, reason: 'asked' })) {
      await this.lookup.reach((await this.log.append([event])).firstSequence);
    }
    // The workers stop, whichever end of a message counts: its answer is of no use any more.
    await Promise.all(open.map((message) => this.cancellations.add(message.id)));
    return messages.length;
  }

  private async cancel(caller: Caller, open: readonly ErasableMessage[]): Promise<void> {
    const events = open.map(({ id, lane }) =>
      messageEvent({ ...this.now(caller), messageId: id, lane }, 'llmq.message.cancelled.v1', {
        ...{ by: caller.name, reason: 'conversation_erased' },
      }),
    );
    for (let from = 0; from < events.length; from += MAX_EVENTS_PER_APPEND) {
      await this.log.append(events.slice(from, from + MAX_EVENTS_PER_APPEND));
    }
  }

  private now({ tenant }: Caller) {
    return { tenant, now: new Date(this.sources.nowMs()).toISOString(), newId: this.sources.newId };
  }
}
