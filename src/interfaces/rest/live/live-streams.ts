import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { SOURCES, type Sources } from '../../../platform/clock.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../../platform/config/service-config.js';
import { CallerProof, type Evidence } from '../../../platform/security/caller-proof.js';
import { LOGGER } from '../../../platform/tokens.js';
import type { LiveTopic } from '../../../submission/live/live-event.js';
import { type LiveFeed, LiveFeeds } from '../../../submission/live/live-feeds.js';
import { type Refusal, refused, retryAfterSeconds } from '../../../submission/refusal.js';
import { refusalOf } from '../../../submission/refusal-of.js';
import { callerOf } from '../../caller.guard.js';
import { EventStream, headersSoFar } from '../../http/event-stream.js';
import { liveEventJson } from './live.json.js';

/** Proxies close connections on which nothing happens, many of them after a minute. */
const HEARTBEAT_MS = 15_000;
/** Timers take no longer times. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const KEY_ENDED = Symbol('keyEnded');

/** Serves what is followed as server-sent events. A failure before the first of them is told by a status. */
@Injectable()
export class LiveStreams {
  constructor(
    private readonly feeds: LiveFeeds,
    private readonly proof: CallerProof,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'server'>,
    @Inject(SOURCES) private readonly sources: Pick<Sources, 'nowMs'>,
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
    const stopWaiting = this.atKeyEnd(request, () => leaving.abort(KEY_ENDED));
    const slowAfterMs = this.config.server.websocket.slow_timeout_ms;
    try {
      for await (const event of feed) {
        out.event(event.type, liveEventJson(event), event.id);
        await out.ready(signal, slowAfterMs);
      }
      if (signal.reason === KEY_ENDED) this.tell(out, keyEnded(), null);
    } catch (error) {
      this.tell(out, refusalOf(error), error);
    } finally {
      clearInterval(heartbeat);
      stopWaiting();
      feed.close();
      out.end();
    }
  }

  /** @returns ends the waiting */
  private atKeyEnd({ headers }: FastifyRequest, end: () => void): () => void {
    const endsAtMs = this.proof.keyEndsAtMs(headers as Evidence);
    let timer: NodeJS.Timeout;
    const wait = () => {
      const leftMs = endsAtMs - this.sources.nowMs();
      timer = setTimeout(
        () => (leftMs <= LONGEST_TIMER_MS ? end() : wait()),
        Math.min(leftMs, LONGEST_TIMER_MS),
      );
    };
    wait();
    return () => clearTimeout(timer);
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

function keyEnded(): Refusal {
  return refused('unauthorized', 'This API key has expired (expires_at).').refusal;
}

function lastEventId({ headers }: FastifyRequest): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}
