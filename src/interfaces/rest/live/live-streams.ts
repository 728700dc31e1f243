import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { LOGGER } from '../../../platform/tokens.js';
import type { LiveTopic } from '../../../submission/live/live-event.js';
import { type LiveFeed, LiveFeeds } from '../../../submission/live/live-feeds.js';
import { type Refusal, retryAfterSeconds } from '../../../submission/refusal.js';
import { refusalOf } from '../../../submission/refusal-of.js';
import { callerOf } from '../../caller.guard.js';
import { EventStream, headersSoFar } from '../../http/event-stream.js';
import { liveEventJson } from './live.json.js';

/** Proxies close connections on which nothing happens, many of them after a minute. */
const HEARTBEAT_MS = 15_000;

/** Serves what is followed as server-sent events. A failure before the first of them is told by a status. */
@Injectable()
export class LiveStreams {
  constructor(
    private readonly feeds: LiveFeeds,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @param startingAfter for clients that can't send the header `Last-Event-ID` */
  async serve(
    topic: LiveTopic,
    request: FastifyRequest,
    reply: FastifyReply,
    startingAfter: string | undefined,
  ): Promise<void> {
    const { raw } = reply;
    const leaving = new AbortController();
    raw.once('close', () => leaving.abort());
    const { signal } = leaving;
    const after = lastEventId(request) ?? startingAfter;
    const feed = await this.feeds.follow(callerOf(request), topic, { after, signal, connection: raw });
    // An `EventSource` that is told so does not connect again.
    if (feed.isOver) return this.nothing(feed, reply);
    // A stop of the service waits for connections that are kept.
    const out = new EventStream(raw, { ...headersSoFar(reply), connection: 'close' });
    reply.hijack();
    out.begin();
    const heartbeat = setInterval(() => out.comment('still here'), HEARTBEAT_MS);
    try {
      for await (const event of feed) {
        out.event(event.type, liveEventJson(event), event.id);
        await out.ready(signal);
      }
    } catch (error) {
      this.tell(out, refusalOf(error), error);
    } finally {
      clearInterval(heartbeat);
      feed.close();
      out.end();
    }
  }

  private nothing(feed: LiveFeed, reply: FastifyReply): void {
    feed.close();
    void reply.code(204).send();
  }

  /** Whoever may come again is told when; the last id is where it goes on. */
  private tell(out: EventStream, refusal: Refusal, error: unknown): void {
    const { code, message } = refusal;
    if (code === 'internal') this.logger.error({ err: error }, 'a stream broke off');
    const seconds = retryAfterSeconds(refusal);
    if (seconds !== null) out.retryAfter(seconds * 1_000);
    out.event('closed', { type: 'closed', code, message, retry_after_seconds: seconds }, null);
  }
}

function lastEventId({ headers }: FastifyRequest): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}
