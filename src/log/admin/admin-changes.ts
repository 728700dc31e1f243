import { Inject, Injectable } from '@nestjs/common';
import type { AdminEvent, AdminEventData, AdminEventType } from '../../domain/admin/admin.events.js';
import { cloudEvent } from '../../domain/cloud-event.events.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { EVENT_LOG } from '../../platform/tokens.js';
import type { EventLog } from '../event-log.port.js';
import { AdminFollower } from './admin-follower.js';

/** A change that is durable answers at once if this process is slow to hear of it; it will. */
const OWN_CHANGE_MS = 5_000;

/** The one way to write what an admin changes. */
@Injectable()
export class AdminChanges {
  constructor(
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(AdminFollower) private readonly follower: AdminFollower,
    @Inject(SOURCES) private readonly sources: Sources,
  ) {}

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
