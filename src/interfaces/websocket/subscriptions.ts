import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Caller } from '../../domain/caller.js';
import { SERVICE_CONFIG, type ServiceConfig } from '../../platform/config/service-config.js';
import { LOGGER } from '../../platform/tokens.js';
import type { LiveTopic } from '../../submission/live/live-event.js';
import { type LiveFeed, LiveFeeds } from '../../submission/live/live-feeds.js';
import { refused } from '../../submission/refusal.js';
import { refusalOf } from '../../submission/refusal-of.js';
import { liveEventJson } from '../rest/live/live.json.js';
import type { FrameClient } from './frame-client.js';
import { errorFrame } from './server-frames.js';

export interface Wanted {
  readonly name: string;
  readonly topic: LiveTopic;
  /** The last event that the client has; absent for all that there is. */
  readonly after: string | undefined;
}

/** What clients listen to: each subscription pulls its feed as fast as its client reads, and no faster. */
@Injectable()
export class Subscriptions {
  /** How many are open of each key, over all its WebSockets. */
  private readonly byOwner = new Map<string, number>();

  constructor(
    private readonly feeds: LiveFeeds,
    @Inject(SERVICE_CONFIG) private readonly config: Pick<ServiceConfig, 'server'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Takes the name at once, so that what comes behind it finds it taken. Resolves when the subscription is known to be
   * right; its events come behind the answer. One that was ended meanwhile is not answered any more. A client that has
   * left gets none: nobody would end it.
   *
   * @throws {RefusedError} `limit_reached`, `already_exists`, and what `LiveFeeds.follow` throws
   */
  async open(client: FrameClient, caller: Caller, wanted: Wanted): Promise<void> {
    const { name, topic, after } = wanted;
    if (!client.open) return;
    const ending = this.take(client, name);
    const { signal } = ending;
    try {
      const feed = await this.feeds.follow(caller, topic, {
        ...(after === undefined ? {} : { after }),
        ...{ signal, connection: client.events, room: client.room },
      });
      if (signal.aborted) return feed.close();
      client.send({ type: 'subscribed', request_id: name, subscription: name, over: feed.isOver });
      void this.run(client, name, feed, ending);
    } catch (error) {
      if (signal.aborted) return;
      this.leave(client, name, ending);
      throw error;
    }
  }

  /** @throws {RefusedError} `limit_reached`, `already_exists` */
  refuseOneTooMany(client: FrameClient, name: string): void {
    if (client.subscriptions.has(name)) {
      throw refused('already_exists', `The subscription ${JSON.stringify(name)} is open already.`);
    }
    const most = this.config.server.websocket.max_subscriptions;
    if (client.subscriptions.size >= most) {
      throw refused('limit_reached', `This WebSocket has ${most} subscriptions, which is the limit.`);
    }
    const mostOfKey = this.config.server.websocket.max_subscriptions_per_key;
    if ((this.byOwner.get(ownerOf(client)) ?? 0) >= mostOfKey) {
      throw refused(
        'limit_reached',
        `The WebSockets of this API key have ${mostOfKey} subscriptions, which is the limit.`,
      );
    }
  }

  private take(client: FrameClient, name: string): AbortController {
    this.refuseOneTooMany(client, name);
    const ending = new AbortController();
    this.count(client, 1);
    client.subscriptions.set(name, { end: () => this.leave(client, name, ending) });
    return ending;
  }

  /** Never rejects. */
  private async run(
    client: FrameClient,
    name: string,
    feed: LiveFeed,
    ending: AbortController,
  ): Promise<void> {
    const { signal } = ending;
    try {
      for await (const event of feed) {
        await client.ready(signal);
        if (signal.aborted) return;
        client.send({ ...liveEventJson(event), id: event.id, subscription: name });
        await client.ready(signal);
      }
    } catch (error) {
      if (!signal.aborted) this.tell(client, name, error);
    } finally {
      this.leave(client, name, ending);
    }
  }

  private tell(client: FrameClient, name: string, error: unknown): void {
    const refusal = refusalOf(error);
    if (refusal.code === 'internal') this.logger.error({ err: error }, 'a subscription broke off');
    if (refusal.code === 'too_slow') client.close('too_slow');
    else client.send(errorFrame(null, refusal, name));
  }

  private leave(client: FrameClient, name: string, ending: AbortController): void {
    if (ending.signal.aborted) return;
    ending.abort();
    client.subscriptions.delete(name);
    this.count(client, -1);
    if (client.quiet) client.onQuiet();
  }

  private count(client: FrameClient, by: 1 | -1): void {
    const owner = ownerOf(client);
    const open = (this.byOwner.get(owner) ?? 0) + by;
    if (open === 0) this.byOwner.delete(owner);
    else this.byOwner.set(owner, open);
  }
}

/** Nobody subscribes before it is known whose it is. */
function ownerOf({ admission }: FrameClient): string {
  return admission?.owner ?? '';
}
