import { Inject, Injectable } from '@nestjs/common';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import { isUuid } from '../../domain/uuid.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { ConversationReader } from '../../projection/read/conversation-reader.js';
import { ProjectionBehindError } from '../../projection/read/projection-behind.error.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { type ConversationPlace, conversationIdOf, firstNotErased } from './conversation-ids.js';

/** Reads of single conversations that see what was written before them, in any process. */
@Injectable()
export class ConversationLookup {
  constructor(
    @Inject(ConversationReader) private readonly reader: ConversationReader,
    @Inject(ProjectionPosition) private readonly position: ProjectionPosition,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  /**
   * A conversation of the tenant's, by either of its ids; null for an unknown one, another tenant's, and an erased one. Where there is none,
   * the projection may only be behind: it gets `projection.read_wait_ms` to catch up with the log.
   *
   * @throws {ProjectionBehindError} {LogUnavailableError} when the end is not reached, or not known to a majority of NATS
   *   servers: the conversation may well be there
   */
  async find(tenant: string, id: string): Promise<ConversationState | null> {
    const { conversation } = await this.locate(tenant, id);
    return conversation?.state === 'erased' ? null : conversation;
  }

  /**
   * The place of a conversation of the tenant's. An id that a client gave names the one that is not erased: the next
   * with this id is another conversation.
   *
   * @throws {ProjectionBehindError} {LogUnavailableError} when none is there, as far as is known, as `find` does
   */
  async locate(tenant: string, named: string): Promise<ConversationPlace> {
    const known = await this.look(tenant, named);
    if (known.conversation !== null) return known;
    const { lastSequence: last } = await this.log.extent();
    const reached = await this.reach(last);
    const found = await this.look(tenant, named);
    if (found.conversation === null && !reached) throw new ProjectionBehindError(last);
    return found;
  }

  /**
   * Waits for the projection, for `projection.read_wait_ms` at most: what was written is there for whoever reads after
   * the answer to its writer. False when it did not get there.
   */
  async reach(sequence: number): Promise<boolean> {
    return this.position.waitFor(sequence, this.config.projection.read_wait_ms);
  }

  private async look(tenant: string, named: string): Promise<ConversationPlace> {
    const at = async (id: string) => ({ id, conversation: await this.reader.find(tenant, id) });
    if (isUuid(named)) return at(named.toLowerCase());
    return firstNotErased((erasedBefore) => at(conversationIdOf(tenant, named, erasedBefore)));
  }
}
