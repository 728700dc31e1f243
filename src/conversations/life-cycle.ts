import { stateChanged } from '../domain/conversation/change-conversation.decision.js';
import type { ConversationState } from '../domain/conversation/conversation.state.js';
import type { EventLog } from '../log/event-log.port.js';
import type { Sources } from '../platform/clock.js';
import type { IdleReader } from '../projection/read/idle-reader.js';
import type { ProjectionPosition } from '../projection/read/projection-position.js';

const AT_ONCE = 500;
const POSITION_TIMEOUT_MS = 10_000;

export interface LifeCycleParts {
  readonly log: EventLog;
  readonly reader: IdleReader;
  readonly position: ProjectionPosition;
  readonly sources: Sources;
  readonly maxIdleTimeMs: number;
  readonly ttlMs: number;
}

/** Lets idle conversations go to sleep, and archives those that nobody has used for long. Their content stays. */
export class LifeCycle {
  constructor(private readonly parts: LifeCycleParts) {}

  async sweep(): Promise<void> {
    const { reader, ttlMs, maxIdleTimeMs } = this.parts;
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
    const { log, position, sources } = this.parts;
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
    return new Date(Math.max(0, this.parts.sources.nowMs() - ms)).toISOString();
  }
}
