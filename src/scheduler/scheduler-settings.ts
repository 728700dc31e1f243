import { Inject, Injectable } from '@nestjs/common';
import type { SchedulerChanges } from '../domain/admin/scale.events.js';
import { AdminChanges } from '../log/admin/admin-changes.js';
import { AdminFollower } from '../log/admin/admin-follower.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../platform/config/service-config.js';
import { changedSection, type SchedulerSection } from './scheduler-settings.policy.js';

/** Who changed the settings last, and when (ISO 8601). */
export interface SettingsChange {
  readonly by: string;
  readonly at: string;
}

const SUBJECT = 'scheduler';

/** The settings in force: the configuration's, with what operators changed, folded from the log. The same in every process. */
@Injectable()
export class SchedulerSettings {
  private changes: SchedulerChanges = {};
  private change: SettingsChange | null = null;

  constructor(
    @Inject(AdminFollower) follower: Pick<AdminFollower, 'on'>,
    @Inject(AdminChanges) private readonly log: Pick<AdminChanges, 'record'>,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'scheduler'>,
  ) {
    follower.on('llmq.admin.scheduler-set.v1', ({ data: { changes, by }, time }) => {
      this.changes = changes;
      this.change = { by, at: time };
    });
  }

  get current(): SchedulerSection {
    return changedSection(this.config.scheduler, this.changes);
  }

  /** What the current ones would be with these changes. */
  with(changes: SchedulerChanges): SchedulerSection {
    return changedSection(this.config.scheduler, changes);
  }

  /** What differs from the configuration. */
  get changed(): SchedulerChanges {
    return this.changes;
  }

  get lastChange(): SettingsChange | null {
    return this.change;
  }

  /** Takes the place of all earlier changes. @throws what `EventLog.append` throws */
  async set(tenant: string, changes: SchedulerChanges, by: string): Promise<void> {
    await this.log.record(tenant, SUBJECT, 'llmq.admin.scheduler-set.v1', { changes, by });
  }
}
