import { isTerminalStatus } from '../../domain/message/message.state.js';
import type { MessageLookup } from '../message-lookup.js';
import { type RefusedError, refused } from '../refusal.js';
import type { Waiting } from '../waiting/waiting-requests.js';
import { FollowedMessages, type TellingParts, type ToTell } from './followed-messages.js';
import type { ClientRoom } from './follower-queue.policy.js';
import type { LiveEvent } from './live-event.js';
import type { LiveScope } from './live-scope.js';
import { Looker, type LookingParts } from './looker.js';
import type { ChangeWatcher, MessageChanges, Watched } from './message-changes.js';
import { pauseAfter } from './owner-reads.js';

export interface FollowerParts extends TellingParts, LookingParts {
  readonly changes: MessageChanges;
  readonly lookup: MessageLookup;
}

/**
 * One client that follows a message, a conversation or a user: a `Looker` finds what has changed, and of that the
 * `FollowedMessages` say what is to be told. The client takes it one by one, and each gets its id then.
 *
 * It ends when the client leaves or the message that it follows has ended, and with a refusal when the service stops, the
 * client is too slow, or what it follows is erased.
 */
export class Follower implements ChangeWatcher {
  readonly watched: Watched;
  private readonly messages: FollowedMessages;
  private readonly looker: Looker;
  private failure: RefusedError | null = null;
  private isEnded = false;
  private isClosed = false;
  private wakeReader: () => void = () => undefined;
  private unwatch: () => void = () => undefined;
  private readonly over = () => this.interrupted();

  constructor(
    private readonly parts: FollowerParts,
    private readonly scope: LiveScope,
    private readonly waiting: Waiting,
    private readonly signal: AbortSignal,
    room: ClientRoom | null,
  ) {
    this.watched = scope.watched;
    const told = {
      added: () => this.wakeReader(),
      over: () => {
        this.isEnded = true;
        this.wakeReader();
      },
      failed: (error: RefusedError) => this.fail(error),
    };
    this.messages = new FollowedMessages(parts, scope, told, room);
    this.looker = new Looker(parts, scope, this.messages, (error) => this.fail(error));
  }

  /** What it followed had ended, and its client knows the end: there is nothing to tell. */
  get isOver(): boolean {
    return this.isEnded && this.messages.size === 0;
  }

  /** @throws {RefusedError} `not_found`, `projection_behind` */
  async start(): Promise<void> {
    for (const signal of [this.signal, this.waiting.signal]) {
      signal.addEventListener('abort', this.over, { once: true });
      if (signal.aborted) this.interrupted();
    }
    if (this.isClosed) return;
    this.unwatch = this.parts.changes.watch(this);
    // Of many messages more may be told than may wait: its client has to read for that.
    if (this.scope.isWide) this.looker.unsure();
    else await this.looker.lookAtAll();
    void this.looker.keepLooking();
  }

  [Symbol.asyncIterator](): AsyncIterator<LiveEvent> {
    return this;
  }

  async next(): Promise<IteratorResult<LiveEvent>> {
    for (;;) {
      if (this.failure !== null) throw this.failure;
      if (this.isClosed) return { done: true, value: undefined };
      const item = this.messages.next();
      if (item !== undefined) {
        const event = await this.eventOf(item);
        if (event !== null) return { done: false, value: event };
      } else if (this.isEnded) {
        this.close();
      } else {
        await new Promise<void>((resolve) => {
          this.wakeReader = resolve;
        });
      }
    }
  }

  async return(): Promise<IteratorResult<LiveEvent>> {
    this.close();
    return { done: true, value: undefined };
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.unwatch();
    this.messages.close();
    this.looker.close();
    for (const signal of [this.signal, this.waiting.signal]) signal.removeEventListener('abort', this.over);
    this.waiting.leave();
    this.wakeReader();
  }

  changed(messageId: string): void {
    this.looker.changed(messageId);
  }

  erased(messageIds: readonly string[]): void {
    this.looker.erased(messageIds);
  }

  unsure(): void {
    this.looker.unsure();
  }

  reached(sequence: number): void {
    this.looker.reached(sequence);
  }

  tick(): void {
    this.messages.tick();
  }

  private interrupted(): void {
    if (this.waiting.stopping)
      this.fail(refused('service_stopping', 'The service is stopping; connect again.'));
    else this.close();
  }

  private fail(error: RefusedError): void {
    this.failure ??= error;
    this.close();
  }

  /** Null for what is nothing to tell. */
  private async eventOf(item: ToTell): Promise<LiveEvent | null> {
    const { scope } = this;
    switch (item.type) {
      case 'status': {
        const { type, messageId, content } = item;
        return { type, messageId, id: scope.idNow(), ...content };
      }
      case 'piece': {
        const { at, ...piece } = item;
        return { ...piece, id: scope.idAt(item.messageId, at) };
      }
      case 'restart':
        return {
          ...{ type: 'restart', messageId: item.messageId },
          id: scope.idAtRestart(item.messageId, item.at),
        };
      case 'told':
        scope.reached(item.sequence);
        return null;
      default:
        return this.endedEvent(item);
    }
  }

  private async endedEvent({
    messageId,
    at,
    sequence,
  }: Extract<ToTell, { type: 'ended' }>): Promise<LiveEvent | null> {
    const view = await this.persistently(() => this.parts.lookup.find(this.scope.tenant, messageId));
    const id = this.scope.idAtEnd(messageId, at, sequence);
    const lives = view !== null && view !== undefined && !isTerminalStatus(view.status);
    if (!this.scope.isWide && view === null)
      throw refused('not_found', `The message ${messageId} was erased.`);
    // Requeued meanwhile: it is told as it is now, and its next end is the one that counts.
    if (view == null || lives) return null;
    if (!this.scope.isWide) this.isEnded = true;
    return { type: 'ended', messageId, id, view };
  }

  /** Undefined when it was closed before the tables could be read. */
  private async persistently<T>(read: () => Promise<T>): Promise<T | undefined> {
    for (let failures = 0; !this.isClosed; ) {
      try {
        return await read();
      } catch (error) {
        this.parts.ownerReads.failed(error);
        failures += 1;
        await pauseAfter(failures);
      }
    }
    return undefined;
  }
}
