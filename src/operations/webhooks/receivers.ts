import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { AdminChanges } from '../../log/admin/admin-changes.js';
import { AdminFollower } from '../../log/admin/admin-follower.js';
import { receiverOf } from './receiver.policy.js';

/** The oldest is forgotten beyond this: if it still wants no webhooks, it says so again. */
const MOST_OFF = 10_000;

/** A receiver that gets no webhooks of its tenant until somebody switches it on. */
export interface SwitchedOffReceiver {
  readonly id: string;
  readonly tenant: string;
  readonly url: string;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** Which receivers are switched off: folded from the log, so that all processes agree some milliseconds later. */
@Injectable()
export class Receivers {
  private readonly off = new Map<string, SwitchedOffReceiver>();

  constructor(
    @Inject(AdminFollower) follower: Pick<AdminFollower, 'on'>,
    @Inject(AdminChanges) private readonly changes: Pick<AdminChanges, 'record'>,
  ) {
    follower.on('llmq.admin.webhook-receiver-switched-off.v1', ({ subject: id, tenant, time, data }) => {
      this.off.set(id, { id, tenant, url: data.url, reason: data.reason, since: time });
      const [oldest] = this.off.keys();
      if (this.off.size > MOST_OFF && oldest !== undefined) this.off.delete(oldest);
    });
    follower.on('llmq.admin.webhook-receiver-switched-on.v1', ({ subject }) => this.off.delete(subject));
  }

  isOff(tenant: string, url: string): boolean {
    return this.off.size > 0 && this.off.has(idOf(tenant, receiverOf(url)));
  }

  /** The tenant's, in the order in which they were switched off. */
  listOff(tenant: string): readonly SwitchedOffReceiver[] {
    return [...this.off.values()].filter((receiver) => receiver.tenant === tenant);
  }

  /** May be repeated. */
  async switchOff(tenant: string, address: string, reason: string): Promise<void> {
    if (this.isOff(tenant, address)) return;
    const url = receiverOf(address);
    const data = { url, reason, by: 'service' };
    const type = 'llmq.admin.webhook-receiver-switched-off.v1';
    await this.changes.record(tenant, idOf(tenant, url), type, data);
  }

  /** Null for one that is not switched off, and for another tenant's. */
  async switchOn(tenant: string, id: string, by: string): Promise<SwitchedOffReceiver | null> {
    const receiver = this.off.get(id);
    if (receiver === undefined || receiver.tenant !== tenant) return null;
    await this.changes.record(tenant, id, 'llmq.admin.webhook-receiver-switched-on.v1', {
      url: receiver.url,
      by,
    });
    return receiver;
  }
}

function idOf(tenant: string, url: string): string {
  return createHash('sha256')
    .update(JSON.stringify([tenant, url]))
    .digest('hex')
    .slice(0, 32);
}
