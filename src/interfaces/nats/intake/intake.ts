import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { INTAKE_LANES, rootOf } from '../../../broker/direct-subjects.policy.js';
import {
  ensureIntakeStreams,
  type IntakeChoices,
  intakeStreamOf,
  letPublish,
  unusedIntakeStreams,
} from '../../../broker/intake-streams.js';
import { LogRoom } from '../../../log/room/log-room.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { directCaller } from '../../../platform/security/direct-caller.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import { SubmitOnce } from '../../../submission/idempotency/submit-once.js';
import { IntakeFeed } from './intake-feed.js';
import { RejectedMessages } from './rejected-messages.js';

/** Of what this process holds of all publishers, on its way into the log. */
const MOST_BYTES = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;

/**
 * Takes in what is published to NATS: for each publisher a stream of its own, with a consumer for each of its subjects,
 * so that a full lane holds up no other.
 */
@Injectable()
export class Intake implements OnApplicationBootstrap, OnModuleDestroy {
  private feeds: readonly IntakeFeed[] = [];
  private readonly stopping = new AbortController();
  private work: Promise<void> = Promise.resolve();

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(SERVICE_CONFIG) private readonly config: ServiceConfig,
    private readonly submitOnce: SubmitOnce,
    private readonly rejected: RejectedMessages,
    @Inject(LogRoom) private readonly room: Pick<LogRoom, 'refusal'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws {IncompatibleStreamError} {StreamSetupError} */
  async onApplicationBootstrap(): Promise<void> {
    const { intake, publishers, replicas } = this.config.nats;
    const used = intake.enabled ? [null, ...publishers.map(({ name }) => name)] : [];
    const choices = { publishers: used, limits: intake, replicas };
    if (intake.enabled) await ensureIntakeStreams(this.nats, choices);
    await this.tellUnused(used);
    this.feeds = used.flatMap((publisher) => this.feedsOf(publisher));
    for (const feed of this.feeds) feed.start();
    if (intake.enabled) this.work = this.keepRoom(choices);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.work;
    await Promise.all(this.feeds.map((feed) => feed.stop()));
  }

  /** Another process may read them, with a newer configuration, so that only a person may take them away. */
  private async tellUnused(used: readonly (string | null)[]): Promise<void> {
    for (const stream of await unusedIntakeStreams(this.nats, used)) {
      const advice = `Where no other process reads it, remove it with "nats stream rm ${stream}"`;
      this.logger.warn(
        { stream },
        `This process does not read the stream ${stream}, by its configuration, and NATS goes on taking messages into it. ${advice}.`,
      );
    }
  }

  /** The room that is left is for the ends of what is accepted, and publishers fill it without asking the service. */
  private async keepRoom(choices: IntakeChoices): Promise<void> {
    const { signal } = this.stopping;
    for (let open = true; !signal.aborted; ) {
      const wanted = this.room.refusal() === null;
      try {
        if (wanted !== open) {
          await letPublish(this.nats, choices, wanted);
          this.logger.warn(`publishers can${wanted ? ' store again' : 'not store: the log has no room'}`);
        }
        open = wanted;
      } catch (error) {
        this.logger.warn({ err: error }, 'publishers were not kept from storing, or let again; trying again');
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
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
    // The broker takes whole numbers only.
    const mostBytes = Math.floor(MOST_BYTES / (INTAKE_LANES.length * (publishers.length + 1)));
    return INTAKE_LANES.map(
      (lane) =>
        new IntakeFeed({
          ...{ nats, logger, caller, submitOnce, rejected, mostBytes },
          place: { ...place, lane },
        }),
    );
  }
}
