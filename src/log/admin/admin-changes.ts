import type { AdminEvent, AdminEventData, AdminEventType } from '../../domain/admin/admin.events.js';
import { cloudEvent } from '../../domain/cloud-event.events.js';
import type { Sources } from '../../platform/clock.js';
import type { EventLog } from '../event-log.port.js';
import type { AdminFollower } from './admin-follower.js';

/** A change that is durable answers at once if this process is slow to hear of it; it will. */
const OWN_CHANGE_MS = 5_000;

/** The one way to write what an admin changes. */
export class AdminChanges {
  constructor(
    private readonly log: EventLog,
    private readonly follower: AdminFollower,
    private readonly sources: Sources,
  ) {}

  static of(log: EventLog, follower: AdminFollower, sources: Sources): AdminChanges {
    return new AdminChanges(log, follower, sources);
  }

  /**
   * Resolves when the change is durable and in force in this process, so that who made it reads it back.
   *
   * @param subject what the change is about: a rule's id, a user's, or a lane
   * @returns the event's time, ISO 8601
   * @throws what `EventLog.append` throws
   */
  async record<T extends AdminEventType>(
    tenant: string,
    subject: string,
    type: T,
    data: AdminEventData[T],
  ): Promise<string> {
    const { newId, nowMs } = this.sources;
    const now = new Date(nowMs()).toISOString();
    const event = cloudEvent({ subject, tenant, now, newId }, type, data) as AdminEvent;
    const { firstSequence } = await this.log.append([event]);
    await this.follower.waitFor(firstSequence, OWN_CHANGE_MS);
    return now;
  }
}
