import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { expire } from '../../domain/message/expire.decision.js';
import { type TraceContext, traceOf, UNTRACED } from '../../domain/trace-context.policy.js';
import { LogUnavailableError } from '../../log/event-log.errors.js';
import { EventLogModule } from '../../log/event-log.module.js';
import type { EventLog } from '../../log/event-log.port.js';
import { SOURCES, type Sources } from '../../platform/clock.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import { ProjectionReaderModule } from '../../projection/projection.module.js';
import { type ExpiredMessage, ExpiredReader } from '../../projection/read/expired-reader.js';
import { MessageReader } from '../../projection/read/message-reader.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { AnswersModule } from '../answers/answers.module.js';
import { ANSWER_PUBLISHER, type AnswerPublisher } from '../answers/answers.port.js';

const EVERY_MS = 1_000;
/** So much behind the deadline, a message that a worker took in time is known to be processed. */
const GRACE_MS = 1_000;
const AT_ONCE = 500;
/** Requests of messages, each up to some MiB, that are read for their traces. */
const READ_AT_ONCE = 16;
/** So long at most the tables are taken to be as they were: a position that nobody heard is not announced again. */
const LOOK_ANYWAY_MS = 10_000;
const COUNTED_WITHIN_MS = 5_000;

/**
 * Ends messages whose deadline passes while they wait: those behind a long backlog, and those not due before it. Workers
 * look at the deadline by themselves before each call, so this is for who waits for the answer, and for the lists.
 *
 * PostgreSQL is not asked again while the projection stands still and the next deadline is still to come.
 *
 * Any number of processes may sweep: an append repeated by another is stored once, and a message has one end that counts.
 */
@Injectable()
export class ExpirySweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | null = null;
  private sweeping: Promise<void> | null = null;
  /** Until then (Unix time in ms) nothing expires, unless the projection moves on from `applied`. */
  private quiet = { applied: -1, until: 0 };

  constructor(
    @Inject(ExpiredReader) private readonly expired: Pick<ExpiredReader, 'expired'>,
    @Inject(MessageReader) private readonly reader: Pick<MessageReader, 'state'>,
    @Inject(ProjectionPosition) private readonly position: Pick<ProjectionPosition, 'applied' | 'waitFor'>,
    @Inject(EVENT_LOG) private readonly log: Pick<EventLog, 'append' | 'get'>,
    @Inject(ANSWER_PUBLISHER) private readonly answers: AnswerPublisher,
    @Inject(SOURCES) private readonly sources: Sources,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.sweeping ??= this.sweep().finally(() => {
        this.sweeping = null;
      });
    }, EVERY_MS);
  }

  /** Resolves when nothing is under way any more. */
  async beforeApplicationShutdown(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.sweeping;
  }

  /** Never rejects: what is away now may be back in a second. */
  private async sweep(): Promise<void> {
    const now = this.sources.nowMs();
    const { applied } = this.position;
    if (applied === this.quiet.applied && now < this.quiet.until) return;
    try {
      const before = new Date(now - GRACE_MS).toISOString();
      const { messages, nextDeadline } = await this.expired.expired(before, AT_ONCE);
      if (messages.length === 0) {
        const nextMs = nextDeadline === null ? Number.POSITIVE_INFINITY : Date.parse(nextDeadline) + GRACE_MS;
        this.quiet = { applied, until: Math.min(nextMs, now + LOOK_ANYWAY_MS) };
        return;
      }
      const traces = await this.tracesOf(messages);
      const sequences = await Promise.all(messages.map((message, at) => this.append(message, traces[at]!)));
      await this.tell(messages, Math.max(...sequences));
    } catch (error) {
      this.logger.debug({ err: error }, 'could not look for expired messages; trying again');
    }
  }

  /** In the order of the messages. @throws when the log is away */
  private async tracesOf(messages: readonly ExpiredMessage[]): Promise<TraceContext[]> {
    const traces: TraceContext[] = [];
    for (let at = 0; at < messages.length; at += READ_AT_ONCE) {
      const some = messages.slice(at, at + READ_AT_ONCE);
      traces.push(...(await Promise.all(some.map((message) => this.traceOf(message)))));
    }
    return traces;
  }

  private async traceOf({ receivedSequence }: ExpiredMessage): Promise<TraceContext> {
    try {
      const received = await this.log.get(receivedSequence);
      return received === null ? UNTRACED : traceOf(received.event);
    } catch (error) {
      if (error instanceof LogUnavailableError) throw error;
      // What can't be read is no reason to let it wait for ever.
      return UNTRACED;
    }
  }

  /** @returns the event's sequence */
  private async append(
    { id, tenant, lane, deadline, error }: ExpiredMessage,
    trace: TraceContext,
  ): Promise<number> {
    const now = new Date(this.sources.nowMs()).toISOString();
    const context = { messageId: id, tenant, lane, now, newId: this.sources.newId, ...trace };
    const event = expire(context, deadline, 'waiting', error);
    return (await this.log.append([event], { dedupeKey: `expired:${id}` })).firstSequence;
  }

  /** Tells who waits of the end that counts, which may be another if it came at the same moment. */
  private async tell(found: readonly ExpiredMessage[], sequence: number): Promise<void> {
    if (!(await this.position.waitFor(sequence, COUNTED_WITHIN_MS))) return;
    for (const { id: messageId } of found) {
      const end = (await this.reader.state(messageId))?.terminalSequence ?? null;
      if (end !== null) this.answers.completed({ messageId, sequence: end });
    }
  }
}

/** Ends what expires while it waits. Left out: messages in a worker's hands, whose deadline the worker looks at. */
@Module({ imports: [AnswersModule, EventLogModule, ProjectionReaderModule], providers: [ExpirySweep] })
export class ExpiryModule {}
