import { Inject, Injectable } from '@nestjs/common';
import { stateChanged } from '../domain/conversation/change-conversation.decision.js';
import type { ConversationState } from '../domain/conversation/conversation.state.js';
import type { EventLog } from '../log/event-log.port.js';
import { SOURCES, type Sources } from '../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { EVENT_LOG } from '../platform/tokens.js';
import { IdleReader } from '../projection/read/idle-reader.js';
import { ProjectionPosition } from '../projection/read/projection-position.js';

const AT_ONCE = 500;
const POSITION_TIMEOUT_MS = 10_000;

/** Lets idle conversations go to sleep, and archives those that nobody has used for long. Their content stays. */
@Injectable()
export class LifeCycle {
  constructor(
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(IdleReader) private readonly reader: IdleReader,
    @Inject(ProjectionPosition) private readonly position: ProjectionPosition,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
  ) {}

  async sweep(): Promise<void> {
    const { reader, config } = this;
    const { conversation_ttl_ms: ttlMs, max_idle_time_ms: maxIdleTimeMs } = config.conversation;
    const expired = await reader.idleSince(this.ago(ttlMs), ['active', 'inactive', 'completed'], AT_ONCE);
    await this.move(expired, 'archived', 'expired');
    await this.move(await reader.idleSince(this.ago(maxIdleTimeMs), ['active'], AT_ONCE), 'inactive', 'idle');
  }

  private async move(
    conversations: readonly ConversationState[],
    to: 'inactive' | 'archived',
    reason: string,
  ): Promise<void> {
    if (conversations.length === 0) return;
    const { log, position, sources } = this;
    const now = new Date(sources.nowMs()).toISOString();
    const events = conversations.map((conversation) => {
      const context = { subject: conversation.id, tenant: conversation.tenant, now, newId: sources.newId };
      return stateChanged(context, conversation, to, { by: 'service', reason });
    });
    const { firstSequence } = await log.append(events);
    // Two events of one record are two positions, so the last one lies at most so far on.
    await position.waitFor(firstSequence + 2 * (events.length - 1), POSITION_TIMEOUT_MS);
  }

  private ago(ms: number): string {
    return new Date(Math.max(0, this.sources.nowMs() - ms)).toISOString();
  }
}
