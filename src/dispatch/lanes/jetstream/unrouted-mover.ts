import {
  AckPolicy,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
} from '@nats-io/jetstream';
import { type Msg, type NatsConnection, nanos } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { ACK, type AckReply, type Delivery, handBackReply, UNDECODABLE } from '../../../broker/acks.js';
import { ConsumerFeed } from '../../../broker/consumer-feed.js';
import type { DurableConsumer } from '../../../broker/ensure-consumer.js';
import { EVENTS_STREAM } from '../../../broker/streams.js';
import { LANES, type Lane } from '../../../domain/message/lane.policy.js';
import type { ModelRequest } from '../../../domain/message/message.events.js';
import { isTerminalStatus } from '../../../domain/message/message.state.js';
import { move } from '../../../domain/message/move.decision.js';
import type { EventLog } from '../../../log/event-log.port.js';
import { unroutedSubject } from '../../../log/subjects.js';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { aboutMessage } from '../../../platform/logging/about-message.js';
import { EVENT_LOG, LOGGER, NATS } from '../../../platform/tokens.js';
import { MessageReader } from '../../../projection/read/message-reader.js';
import { ProjectionPosition } from '../../../projection/read/projection-position.js';
import { type LaneRecord, laneRecord } from './held-delivery.js';
import { unroutedConsumerName } from './route-consumers.js';

/** Whose lookups and appends run beside each other. */
const IN_FLIGHT = 500;
const ACK_WAIT_MS = 30_000;
/** How long an entry waits for the projection to tell whether its message has ended. */
const POSITION_WAIT_MS = 10_000;
const TRY_AGAIN_AFTER_MS = 1_000;
const API_TIMEOUT_MS = 5_000;

/** What the mover needs of the rest of the service. */
@Injectable()
export class MoverParts {
  constructor(
    @Inject(NATS) readonly nats: NatsConnection,
    @Inject(EVENT_LOG) readonly log: Pick<EventLog, 'append' | 'get' | 'lastSequence'>,
    @Inject(MessageReader) readonly reader: Pick<MessageReader, 'state'>,
    @Inject(ProjectionPosition) readonly position: Pick<ProjectionPosition, 'waitFor'>,
    @Inject(SOURCES) readonly sources: Sources,
    @Inject(LOGGER) readonly logger: Logger,
  ) {}
}

/**
 * Moves what an earlier version left in its lanes to the routes of its models, in its order: each entry is appended anew
 * and then acked. An earlier version that still runs may put more there, so it goes on for as long as the process lives.
 * A start that finds nothing in such a lane, and nobody who reads it, removes its consumer, and the lane is gone.
 */
@Injectable()
export class UnroutedMover {
  private feeds: readonly UnroutedFeed[] = [];

  constructor(@Inject(MoverParts) private readonly parts: MoverParts) {}

  /** @throws when the broker does not tell what there is */
  async start(): Promise<void> {
    const manager = await jetstreamManager(this.parts.nats, { checkAPI: false, timeout: API_TIMEOUT_MS });
    const left = await Promise.all(LANES.map((lane) => leftIn(manager, lane)));
    this.feeds = left.flatMap((consumer) =>
      consumer === null ? [] : [new UnroutedFeed(consumer, this.parts)],
    );
    await Promise.all(this.feeds.map((feed) => feed.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => feed.stop()));
  }
}

/** The earlier version's consumer, with a deadline that suits a move; null where there is nothing to move, and none. */
async function leftIn(manager: JetStreamManager, lane: Lane): Promise<DurableConsumer | null> {
  const name = unroutedConsumerName(lane);
  try {
    const info = await manager.consumers.info(EVENTS_STREAM, name);
    if (info.num_pending + info.num_ack_pending + info.num_waiting === 0) {
      await manager.consumers.delete(EVENTS_STREAM, name);
      return null;
    }
    return {
      durable_name: name,
      filter_subject: unroutedSubject(lane),
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
    };
  } catch (error) {
    const gone = error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound;
    if (gone) return null;
    throw error;
  }
}

class UnroutedFeed extends ConsumerFeed {
  /** Appends are in the order of the lane, however long the lookups before them take. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    consumer: DurableConsumer,
    private readonly parts: MoverParts,
  ) {
    super(parts.nats, { stream: EVENTS_STREAM, consumer, capacity: IN_FLIGHT }, parts.logger);
  }

  protected async handle(message: Msg, { streamSequence }: Delivery): Promise<AckReply> {
    const entry = this.decode(message, streamSequence);
    if (entry === null) return UNDECODABLE;
    const looked = this.isOver(entry).then(async (over) => (over ? null : this.requestOf(entry)));
    const before = this.last;
    const appended = (async () => {
      const request = await looked.finally(() => before.catch(() => undefined));
      return request === null ? null : this.append(entry, request);
    })();
    // The next one waits until this one is on its way, not until it is stored.
    this.last = Promise.allSettled([before, looked]);
    try {
      await appended;
      return ACK;
    } catch (error) {
      this.logger.warn(
        { err: error, ...aboutMessage(entry.event.subject, entry.event) },
        'a message is not in the route of its model yet; trying again',
      );
      return handBackReply(TRY_AGAIN_AFTER_MS);
    }
  }

  /** An earlier version may have run it, and died before it acked. */
  private async isOver({ event, sequence }: LaneRecord): Promise<boolean> {
    const { position, reader, log } = this.parts;
    const upTo = Math.max(sequence, await log.lastSequence());
    if (!(await position.waitFor(upTo, POSITION_WAIT_MS)))
      throw new Error('The projection is behind the log.');
    const state = await reader.state(event.subject);
    // What entered its lane later, by another way, counts instead.
    return state !== null && (isTerminalStatus(state.status) || sequence < (state.laneSequence ?? 0));
  }

  /** Null where it was erased: then nothing is left that could be run. */
  private async requestOf(entry: LaneRecord): Promise<ModelRequest | null> {
    if (entry.request !== null) return entry.request;
    const received = (await this.parts.log.get(receivedSequenceOf(entry)))?.event;
    return received?.type === 'llmq.message.received.v1' ? received.data.request : null;
  }

  private async append(entry: LaneRecord, { model }: ModelRequest): Promise<void> {
    const { log, sources } = this.parts;
    const now = new Date(sources.nowMs()).toISOString();
    const place = { model, receivedSequence: receivedSequenceOf(entry) };
    await log.append([move(entry, place, { now, newId: sources.newId })], {
      dedupeKey: `moved:${entry.event.subject}:${entry.sequence}`,
    });
  }

  private decode(message: Msg, streamSequence: number): LaneRecord | null {
    try {
      return laneRecord(message.data, streamSequence);
    } catch (error) {
      this.logger.error({ err: error, sequence: streamSequence }, 'took an undecodable message off its lane');
      return null;
    }
  }
}

function receivedSequenceOf({ event, sequence }: LaneRecord): number {
  return event.data.received_sequence ?? sequence - 1;
}
