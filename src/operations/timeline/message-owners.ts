import { LRUCache } from 'lru-cache';
import { isMessageEvent } from '../../domain/log-event.events.js';
import { isUuid } from '../../domain/uuid.policy.js';
import type { StoredEvent } from '../../log/event-log.port.js';
import type { EventIndex } from '../../projection/read/event-index.js';
import type { Owner } from './event-filter.policy.js';

const REMEMBERED = 50_000;

/** The owners of messages: from the events of reception that were read, otherwise from the projection. */
export class MessageOwners {
  private readonly known = new LRUCache<string, Owner>({ max: REMEMBERED });

  constructor(
    private readonly index: EventIndex,
    /** Resolves when the projection has this sequence, or rejects when it takes too long. */
    private readonly projectedUpTo: (sequence: number) => Promise<void>,
  ) {}

  /** The owners of these events' messages; none for a message that was erased. */
  async of(events: readonly StoredEvent[]): Promise<Map<string, Owner>> {
    const owners = new Map<string, Owner>();
    const missing = new Set<string>();
    for (const { event } of events) {
      if (!isMessageEvent(event)) continue;
      if (event.type === 'llmq.message.received.v1') this.learn(event.subject, event.data);
      const owner = this.known.get(event.subject);
      if (owner !== undefined) owners.set(event.subject, owner);
      else if (isUuid(event.subject)) missing.add(event.subject);
    }
    if (missing.size > 0) await this.lookUp([...missing], events[events.length - 1]!.sequence, owners);
    return owners;
  }

  private learn(
    id: string,
    data: { readonly user_id: string; readonly conversation_id: string | null },
  ): void {
    this.known.set(id, { userId: data.user_id, conversationId: data.conversation_id });
  }

  private async lookUp(ids: readonly string[], upTo: number, owners: Map<string, Owner>): Promise<void> {
    let found = await this.index.owners(ids);
    if (found.size < ids.length) {
      await this.projectedUpTo(upTo);
      found = await this.index.owners(ids);
    }
    for (const [id, owner] of found) {
      this.known.set(id, owner);
      owners.set(id, owner);
    }
  }
}
