import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { INTAKE_LANES, rootOf } from '../../../broker/direct-subjects.policy.js';
import {
  ensureIntakeStreams,
  type IntakeBacklog,
  type IntakeChoices,
  type IntakeRoom,
  intakeBacklogs,
  intakeStreamOf,
  letPublish,
  unusedIntakeStreams,
} from '../../../broker/intake-streams.js';
import { LogRoom } from '../../../log/room/log-room.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { ThrottledWarning } from '../../../platform/logging/throttled-warning.js';
import { directCaller } from '../../../platform/security/direct-caller.js';
import { LOGGER, NATS } from '../../../platform/tokens.js';
import { SubmitOnce } from '../../../submission/idempotency/submit-once.js';
import { type IntakeCounts, IntakeFeed } from './intake-feed.js';
import { RejectedMessages } from './rejected-messages.js';

/** Of what this process holds of all publishers, on its way into the log. */
const MOST_BYTES = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;

interface PublisherFeeds {
  /** Null for the service's own login. */
  readonly publisher: string | null;
  readonly feeds: readonly IntakeFeed[];
}

/** Who publishes by the service's own login; no publisher has the name. */
const OWN_LOGIN = 'nats';

export interface PublisherCounts extends Readonly<IntakeCounts> {
  readonly publisher: string;
  /** Held here now. */
  readonly held: number;
}

export interface PublisherWaiting extends IntakeBacklog {
  readonly publisher: string;
}

/**
 * Takes in what is published to NATS: for each publisher a stream of its own, with a consumer for each of its subjects,
 * so that a full lane holds up no other.
 */
@Injectable()
export class Intake implements OnApplicationBootstrap, OnModuleDestroy {
  private publishers: readonly PublisherFeeds[] = [];
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
    if (intake.enabled) this.tellLessRoom(await ensureIntakeStreams(this.nats, choices));
    await this.tellUnused(used);
    this.publishers = used.map((publisher) => ({ publisher, feeds: this.feedsOf(publisher) }));
    for (const feed of this.feeds) feed.start();
    if (intake.enabled) this.work = this.keepRoom(choices);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.work;
    await Promise.all(this.feeds.map((feed) => feed.stop()));
  }

  /** What this process did with the messages of each publisher since its start. The configuration bounds how many there are. */
  get counts(): readonly PublisherCounts[] {
    return this.publishers.map(({ publisher, feeds }) => countsOf(publisher ?? OWN_LOGIN, feeds));
  }

  /** What waits in the streams, of all processes; nothing of publishers of whom the broker doesn't tell. */
  async waiting(): Promise<readonly PublisherWaiting[]> {
    const names = this.publishers.map(({ publisher }) => publisher);
    const found = await intakeBacklogs(this.nats, names);
    return found.map(({ publisher, ...backlog }) => ({ publisher: publisher ?? OWN_LOGIN, ...backlog }));
  }

  private get feeds(): readonly IntakeFeed[] {
    return this.publishers.flatMap(({ feeds }) => feeds);
  }

  private tellLessRoom(rooms: readonly IntakeRoom[]): void {
    const wanted = this.config.nats.intake.max_bytes;
    for (const { publisher, maxBytes } of rooms) {
      if (maxBytes === wanted) continue;
      const stream = intakeStreamOf(publisher);
      const isLess = maxBytes !== null && (wanted === null || maxBytes < wanted);
      const why = isLess
        ? `NATS has no room to set aside what the stream ${stream} may hold by nats.intake.max_bytes; it may hold ${maxBytes} bytes. Lower nats.intake.max_bytes, or give the store of NATS more room (nats.max_store_bytes).`
        : `NATS lets no limit be changed, since its streams set aside more than its store has: ${stream} may hold ${maxBytes ?? 'any number of'} bytes, as before, and publishers can't be kept from storing when the log has only its reserve. Give the store of NATS more room (nats.max_store_bytes).`;
      this.logger.warn({ stream, wanted_bytes: wanted, max_bytes: maxBytes }, why);
    }
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
    const failures = new ThrottledWarning(this.logger);
    for (let open = true; !signal.aborted; ) {
      const wanted = this.room.refusal() === null;
      try {
        if (wanted !== open) {
          await letPublish(this.nats, choices, wanted);
          this.logger.warn(`publishers can${wanted ? ' store again' : 'not store: the log has no room'}`);
        }
        open = wanted;
      } catch (error) {
        const what = wanted ? 'allowed to store again' : 'kept from storing';
        failures.warn({ err: error }, `publishers could not be ${what}; trying again`);
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

function countsOf(publisher: string, feeds: readonly IntakeFeed[]): PublisherCounts {
  const rejected = new Map<string, number>();
  for (const feed of feeds) {
    for (const [code, count] of feed.counts.rejected) rejected.set(code, (rejected.get(code) ?? 0) + count);
  }
  const sum = (of: (feed: IntakeFeed) => number) => feeds.reduce((all, feed) => all + of(feed), 0);
  return {
    ...{ publisher, rejected },
    received: sum(({ counts }) => counts.received),
    accepted: sum(({ counts }) => counts.accepted),
    held: sum(({ holds }) => holds),
  };
}
