import type { Logger } from 'pino';
import { expire } from '../../domain/message/expire.decision.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { Sources } from '../../platform/clock.js';
import type { ExpiredMessage, ExpiredReader } from '../../projection/read/expired-reader.js';
import type { MessageReader } from '../../projection/read/message-reader.js';
import type { ProjectionPosition } from '../../projection/read/projection-position.js';
import type { AnswerPublisher } from '../answers/answers.port.js';

const EVERY_MS = 1_000;
/** So much behind the deadline, a message that a worker took in time is known to be processed. */
const GRACE_MS = 1_000;
const AT_ONCE = 500;
const COUNTED_WITHIN_MS = 5_000;

export interface ExpirySurroundings {
  readonly expired: ExpiredReader;
  readonly reader: Pick<MessageReader, 'state'>;
  readonly position: ProjectionPosition;
  readonly log: EventLog;
  readonly answers: AnswerPublisher;
  readonly sources: Sources;
  readonly logger: Logger;
}

/**
 * Ends messages whose deadline passes while they wait: those behind a long backlog, and those not due before it. Workers
 * look at the deadline by themselves before each call, so this is for who waits for the answer, and for the lists.
 *
 * Any number of processes may sweep: an append repeated by another is stored once, and a message has one end that counts.
 */
export class ExpirySweep {
  private timer: NodeJS.Timeout | null = null;
  private sweeping: Promise<void> | null = null;

  constructor(private readonly around: ExpirySurroundings) {}

  start(): void {
    this.timer = setInterval(() => {
      this.sweeping ??= this.sweep().finally(() => {
        this.sweeping = null;
      });
    }, EVERY_MS);
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.sweeping;
  }

  /** Never rejects: what is away now may be back in a second. */
  private async sweep(): Promise<void> {
    const { expired, sources, logger } = this.around;
    try {
      const before = new Date(sources.nowMs() - GRACE_MS).toISOString();
      const found = await expired.expired(before, AT_ONCE);
      const sequences = await Promise.all(found.map((message) => this.append(message)));
      await this.tell(found, Math.max(0, ...sequences));
    } catch (error) {
      logger.debug({ err: error }, 'could not look for expired messages; trying again');
    }
  }

  /** @returns the event's sequence */
  private async append({ id, tenant, lane, deadline }: ExpiredMessage): Promise<number> {
    const { sources, log } = this.around;
    const now = new Date(sources.nowMs()).toISOString();
    const context = { messageId: id, tenant, lane, now, newId: sources.newId };
    const event = expire(context, deadline, 'waiting');
    return (await log.append([event], { dedupeKey: `expired:${id}` })).firstSequence;
  }

  /** Tells who waits of the end that counts, which may be another if it came at the same moment. */
  private async tell(found: readonly ExpiredMessage[], sequence: number): Promise<void> {
    const { position, reader, answers } = this.around;
    if (found.length === 0 || !(await position.waitFor(sequence, COUNTED_WITHIN_MS))) return;
    for (const { id: messageId } of found) {
      const end = (await reader.state(messageId))?.terminalSequence ?? null;
      if (end !== null) answers.completed({ messageId, sequence: end });
    }
  }
}
