import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { ANSWER_LISTENER, type AnswerListener } from '../../dispatch/answers/answers.port.js';
import type { Caller } from '../../domain/caller.js';
import { isUuid } from '../../domain/uuid.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import { EVENT_LOG, LOGGER } from '../../platform/tokens.js';
import { ProjectionPosition } from '../../projection/read/projection-position.js';
import { Conversations } from '../conversations/conversations.js';
import { MessageLookup } from '../message-lookup.js';
import { invalidFields, refused } from '../refusal.js';
import { identifier } from '../submission-rules.policy.js';
import { type Connection, WaitingRequests } from '../waiting/waiting-requests.js';
import { Follower } from './follower.js';
import type { ClientRoom } from './follower-queue.policy.js';
import { cursorIn } from './live-cursor.policy.js';
import type { LiveEvent, LiveTopic } from './live-event.js';
import { type LiveScope, ManyScope, MessageScope } from './live-scope.js';
import { LiveWaits } from './live-waits.js';
import { MessageChanges } from './message-changes.js';
import { OwnerReads } from './owner-reads.js';
import { positionIn } from './piece-position.policy.js';
import { StandingReads } from './standing-reads.js';

export interface FollowOptions {
  /** The id of the last event that the client has; without it, from the state now on, with the whole answer. */
  readonly after?: string | undefined;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Whose end ends it too. */
  readonly connection: Connection;
  /** What may wait of all that the client follows, where that is more than this. */
  readonly room?: ClientRoom;
}

/**
 * What happens to what is followed, until it has ended. Whoever iterates asks for one event after the other; while he
 * does not, what comes is joined and held within limits.
 *
 * Iterating throws `RefusedError`: `too_slow` where the limits were not enough, `service_stopping`, and `not_found` where
 * it was erased. In each case, but the last, another follower goes on behind the last id.
 */
export interface LiveFeed extends AsyncIterable<LiveEvent> {
  /** The client came with the end of its message: there is nothing to tell. */
  readonly isOver: boolean;
  /** To be called where it is not iterated to its end. */
  close(): void;
}

/**
 * Follows messages, conversations and users, the same for every protocol. Each follower counts among the requests that
 * wait (`server.max_waiting_requests`). A follower that leaves cancels nothing.
 */
@Injectable()
export class LiveFeeds {
  constructor(
    @Inject(ANSWER_LISTENER) private readonly answers: AnswerListener,
    private readonly waitingRequests: WaitingRequests,
    private readonly lookup: MessageLookup,
    private readonly conversations: Conversations,
    private readonly changes: MessageChanges,
    private readonly reads: StandingReads,
    private readonly waits: LiveWaits,
    private readonly ownerReads: OwnerReads,
    @Inject(ProjectionPosition) private readonly position: ProjectionPosition,
    @Inject(EVENT_LOG) private readonly log: EventLog,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * @throws {RefusedError} `not_found`, `invalid_fields` for an id that is none or an `after` that was not given out here,
   *   `too_many_waiting`, `too_many_of_key`, `service_stopping`
   * @throws {ProjectionBehindError}
   */
  async follow(
    caller: Caller,
    topic: LiveTopic,
    { after, signal, connection, room }: FollowOptions,
  ): Promise<LiveFeed> {
    const scope = await this.scopeOf(caller, topic, after ?? null);
    const waiting = this.waitingRequests.enter(connection, caller.name);
    const { answers, changes, reads, ownerReads, waits, lookup, log, logger } = this;
    const parts = { answers, changes, reads, ownerReads, waits, lookup, log, logger };
    const follower = new Follower(parts, scope, waiting, signal, room ?? null);
    try {
      await follower.start();
      return follower;
    } catch (error) {
      follower.close();
      throw error;
    }
  }

  private async scopeOf(caller: Caller, { kind, id }: LiveTopic, after: string | null): Promise<LiveScope> {
    const { tenant } = caller;
    if (kind === 'message') {
      if (!isUuid(id)) throw refused('not_found', `There is no message ${id}.`);
      const at = after === null ? 0 : known(positionIn(after));
      return new MessageScope({ reads: this.reads, lookup: this.lookup }, tenant, id.toLowerCase(), at);
    }
    const cursor = after === null ? null : known(cursorIn(after));
    const { ownerReads: standings, position } = this;
    if (kind === 'user') {
      const reason = identifier(id);
      if (reason !== null) throw invalidFields([{ field: 'user_id', reason }]);
      const sources = { standings, position, check: async () => undefined };
      return new ManyScope(sources, { kind, tenant, id }, cursor);
    }
    const conversation = await this.conversations.get(caller, id);
    const check = async () =>
      void (await standings.inTurn(() => this.conversations.get(caller, conversation.id)));
    return new ManyScope({ standings, position, check }, { kind, tenant, id: conversation.id }, cursor);
  }
}

function known<T>(place: T | null): T {
  if (place !== null) return place;
  const reason = 'must be the id of an event of this stream';
  throw invalidFields([{ field: 'starting_after', reason }]);
}
