import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { anyScheduleSubject, chunkSubject } from '../../broker/message-subjects.js';
import { CHUNKS_STREAM, SCHEDULES_STREAM } from '../../broker/streams.js';
import { PartStore } from '../../log/jetstream/part-store.js';
import { NATS } from '../../platform/tokens.js';

const AT_ONCE = 16;
const WITHIN_MS = 5_000;

/**
 * What messages leave in the broker outside of the log: large parts, pieces of their answers, and their schedules. Purges the subjects
 * that a message has of its own. A schedule's purge is its end: the broker makes nothing due of it.
 */
@Injectable()
export class StreamRemains {
  private manager: Promise<JetStreamManager> | null = null;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(PartStore) private readonly parts: Pick<PartStore, 'remove'>,
  ) {}

  /**
   * Takes it away; what is not there is passed over.
   * @throws when the broker does not confirm; some may be left
   */
  async clear(messageIds: readonly string[]): Promise<void> {
    await this.parts.remove(messageIds);
    this.manager ??= jetstreamManager(this.nats, { checkAPI: false, timeout: WITHIN_MS });
    const { streams } = await this.manager;
    for (let from = 0; from < messageIds.length; from += AT_ONCE) {
      await Promise.all(
        messageIds
          .slice(from, from + AT_ONCE)
          .flatMap((id) => [
            streams.purge(CHUNKS_STREAM, { filter: chunkSubject(id) }),
            streams.purge(SCHEDULES_STREAM, { filter: anyScheduleSubject(id) }),
          ]),
      );
    }
  }
}
