import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { INTAKE_LANES, rootOf } from '../../../broker/direct-subjects.policy.js';
import { ensureIntakeStreams, intakeStreamOf, unusedIntakeStreams } from '../../../broker/intake-streams.js';
import { retireStreams } from '../../../broker/retire-streams.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { directCaller } from '../../../platform/security/direct-caller.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import { SubmitOnce } from '../../../submission/idempotency/submit-once.js';
import { IntakeFeed } from './intake-feed.js';
import { RejectedMessages } from './rejected-messages.js';

/** Of what this process holds of all publishers, on its way into the log. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * Takes in what is published to NATS: for each publisher a stream of its own, with a consumer for each of its subjects,
 * so that a full lane holds up no other.
 */
@Injectable()
export class Intake implements OnApplicationBootstrap, OnModuleDestroy {
  private feeds: readonly IntakeFeed[] = [];

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    private readonly submitOnce: SubmitOnce,
    private readonly rejected: RejectedMessages,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws {IncompatibleStreamError} {StreamSetupError} */
  async onApplicationBootstrap(): Promise<void> {
    const { intake, publishers, replicas } = this.config.nats;
    const used = intake.enabled ? [null, ...publishers.map(({ name }) => name)] : [];
    if (intake.enabled) await ensureIntakeStreams(this.nats, { publishers: used, limits: intake, replicas });
    // Whoever publishes to one that nothing reads would be promised what does not happen.
    await retireStreams(this.nats, this.logger, await unusedIntakeStreams(this.nats, used));
    this.feeds = used.flatMap((publisher) => this.feedsOf(publisher));
    for (const feed of this.feeds) feed.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => feed.stop()));
  }

  private feedsOf(publisher: string | null): IntakeFeed[] {
    const caller = directCaller(this.config.nats.publishers, publisher);
    if (caller === null) return [];
    const place = {
      ...{ root: rootOf(publisher), stream: intakeStreamOf(publisher), tenant: caller.tenant },
      maxFields: this.config.server.max_body_fields,
    };
    const { nats, logger, submitOnce, rejected } = this;
    const { publishers } = this.config.nats;
    const mostBytes = MOST_BYTES / (INTAKE_LANES.length * (publishers.length + 1));
    return INTAKE_LANES.map(
      (lane) =>
        new IntakeFeed({
          ...{ nats, logger, caller, submitOnce, rejected, mostBytes },
          place: { ...place, lane },
        }),
    );
  }
}
