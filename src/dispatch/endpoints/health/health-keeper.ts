import { hostname } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { Subject } from 'rxjs';
import type { AdminEvent } from '../../../domain/admin/admin.events.js';
import { cloudEvent } from '../../../domain/cloud-event.events.js';
import type { EventLog } from '../../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { EVENT_LOG, LOGGER } from '../../../platform/tokens.js';
import { EndpointRegistry } from '../endpoint-registry.js';
import type { HealthChange } from '../registry/registry-events.js';
import { EndpointPeers } from './nats/endpoint-peers.js';
import { ServerChecks } from './server-checks.js';

const SELF = `${hostname()}:${process.pid}`;
/** Endpoints belong to no tenant. */
const TENANT = 'default';

/**
 * What is done once for all processes, by the one that leads: the checks of servers, and the record of each change of an
 * endpoint's health in the log. A change that falls into the second in which the lead passes on may be recorded twice or
 * not at all; the health itself is every process's own.
 */
@Injectable()
export class HealthKeeper {
  /** Changes that this process tells of, because it leads. */
  readonly changes = new Subject<HealthChange>();
  private readonly checks: ServerChecks;
  private readonly onHealth = (change: HealthChange) => this.changed(change);
  private readonly onBeat = () => {
    if (this.peers.leads) this.checks.run();
  };

  constructor(
    @Inject(EndpointRegistry) private readonly registry: EndpointRegistry,
    @Inject(EndpointPeers) private readonly peers: EndpointPeers,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.checks = new ServerChecks(registry, logger);
  }

  start(): void {
    this.registry.events.on('health', this.onHealth);
    this.peers.events.on('beat', this.onBeat);
  }

  stop(): void {
    this.registry.events.off('health', this.onHealth);
    this.peers.events.off('beat', this.onBeat);
    this.checks.stop();
  }

  private changed(change: HealthChange): void {
    if (!this.peers.leads) return;
    const { endpoint, model, to, reason } = change;
    this.logger[to === 'unhealthy' ? 'warn' : 'info']({ endpoint, model, reason }, `an endpoint is ${to}`);
    this.changes.next(change);
    void this.record(change);
  }

  /** Calls go on without the record, so a log that is away loses it. */
  private async record(change: HealthChange): Promise<void> {
    const { newId, nowMs } = this.sources;
    const about = { subject: change.endpoint, tenant: TENANT, now: new Date(nowMs()).toISOString(), newId };
    const event = cloudEvent(about, 'llmq.admin.endpoint-state-changed.v1', { ...change, by: SELF });
    try {
      await this.log.append([event as AdminEvent]);
    } catch (err) {
      this.logger.warn({ err, ...change }, "a change of an endpoint's health was not recorded");
    }
  }
}
