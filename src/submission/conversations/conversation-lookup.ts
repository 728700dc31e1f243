import { Inject, Injectable } from '@nestjs/common';
import type { ConversationState } from '../../domain/conversation/conversation.state.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import { ConversationReader } from '../../projection/read/conversation-reader.js';
import { ProjectionBehindError } from '../../projection/read/projection-behind.error.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';

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
   * A conversation of the tenant's; null for an unknown one, another tenant's, and an erased one. Where there is none,
   * the projection may only be behind: it gets `projection.read_wait_ms` to catch up with the log.
   *
   * @throws {ProjectionBehindError} when it did not: the conversation may well be there
   */
  async find(tenant: string, id: string): Promise<ConversationState | null> {
    let known = await this.reader.find(tenant, id);
    if (known === null) {
      const last = await this.log.lastSequence();
      const reached = await this.reach(last);
      known = await this.reader.find(tenant, id);
      if (known === null && !reached) throw new ProjectionBehindError(last);
    }
    return known === null || known.state === 'erased' ? null : known;
  }

  /**
   * Waits for the projection, for `projection.read_wait_ms` at most: what was written is there for whoever reads after
   * the answer to its writer. False when it did not get there.
   */
  async reach(sequence: number): Promise<boolean> {
    return this.position.waitFor(sequence, this.config.projection.read_wait_ms);
  }
}
