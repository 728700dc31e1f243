import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type AnswerListener, FallenBehindError } from '../../dispatch/answers/answers.port.js';
import { type AnsweredChoice, choicesOf } from '../../domain/message/answered-choices.policy.js';
import { backoffDelayMs } from '../../domain/message/backoff.policy.js';
import { isTerminalStatus } from '../../domain/message/message.state.js';
import type { EventLog } from '../../log/event-log.port.js';
import type { MessageStanding } from '../../projection/read/message-standings.js';
import type { MessageLookup } from '../message-lookup.js';
import { RefusedError, refused } from '../refusal.js';
import { type MessageWait, NO_WAIT } from '../waiting/message-wait.policy.js';
import type { Waiting } from '../waiting/waiting-requests.js';
import { type AnswerStep, FollowedAnswer } from './followed-answer.policy.js';
import { FollowerQueue, type Queued } from './follower-queue.policy.js';
import type { LiveEvent, LiveStatus } from './live-event.js';
import type { LiveScope } from './live-scope.js';
import type { LiveWaits } from './live-waits.js';
import type { ChangeWatcher, MessageChanges, Watched } from './message-changes.js';
import type { OwnerReads } from './owner-reads.js';
import { endOf } from './piece-position.policy.js';
import type { StandingReads } from './standing-reads.js';

/** What may wait for a follower that does not ask. */
const LIMITS = { items: 1_000, units: 1024 * 1024 };
/** Followers may be thousands, and all of them fail at the same time. */
const RETRY = { baseDelayMs: 1_000, maxDelayMs: 15_000 };
/** Of more messages that changed it is not remembered which. */
const MOST_DIRTY = 5_000;
/** A state that is told with a place in a lane waits for that place so long. */
const TOLD_WITHIN_MS = 150;

export interface FollowerParts {
  readonly answers: AnswerListener;
  readonly changes: MessageChanges;
  readonly reads: StandingReads;
  readonly ownerReads: Pick<OwnerReads, 'failed'>;
  readonly waits: LiveWaits;
  readonly lookup: MessageLookup;
  readonly log: EventLog;
  readonly logger: Logger;
}

interface StatusContent {
  readonly status: LiveStatus;
  readonly wait: MessageWait;
}

/** A message that is followed, until it has ended. */
interface Followed {
  readonly id: string;
  readonly answer: FollowedAnswer;
  standing: MessageStanding;
  wait: MessageWait | null;
  /** Somebody asks how it waits. */
  asking: boolean;
  /** Ends the listening to its pieces. */
  listening: AbortController | null;
}

/**
 * One client that follows a message, a conversation or a user.
 *
 * Two things come in. *Changes* of messages, which are looked at one batch after the other: a message is read where it is
 * said to have changed, and all of them where changes may have been missed, so that what is told is always the state now.
 * *Pieces* of answers under way, as they come. Both go into a queue, which the client empties at its own speed.
 *
 * It ends when the client leaves or the message that it follows has ended, and with a refusal when the service stops, the
 * client is too slow, or what it follows is erased.
 */
export class Follower implements ChangeWatcher {
  readonly watched: Watched;
  private readonly queue = new FollowerQueue<StatusContent>(LIMITS);
  private readonly messages = new Map<string, Followed>();
  private dirty = new Set<string>();
  private isUnsure = false;
  private isLooking = false;
  private hasLooked = false;
  private reachedTo = 0;
  /** The ends that were told and lie behind what the scope has told, by message. */
  private readonly ends = new Map<string, number>();
  private failure: RefusedError | null = null;
  private isEnded = false;
  private isClosed = false;
  private wakeReader: () => void = () => undefined;
  private wakeLooker: () => void = () => undefined;
  private writers: (() => void)[] = [];
  private unwatch: () => void = () => undefined;
  private readonly over = () => this.interrupted();

  constructor(
    private readonly parts: FollowerParts,
    private readonly scope: LiveScope,
    private readonly waiting: Waiting,
    private readonly signal: AbortSignal,
  ) {
    this.watched = scope.watched;
  }

  /** What it followed had ended, and its client knows the end: there is nothing to tell. */
  get isOver(): boolean {
    return this.isEnded && this.queue.size === 0;
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
    if (this.scope.isWide) this.isUnsure = true;
    else await this.lookAtAll();
    void this.keepLooking();
  }

  [Symbol.asyncIterator](): AsyncIterator<LiveEvent> {
    return this;
  }

  async next(): Promise<IteratorResult<LiveEvent>> {
    for (;;) {
      if (this.failure !== null) throw this.failure;
      if (this.isClosed) return { done: true, value: undefined };
      const item = this.queue.next();
      if (item !== undefined) {
        this.wakeWriters();
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
    for (const followed of this.messages.values()) followed.listening?.abort();
    this.messages.clear();
    for (const signal of [this.signal, this.waiting.signal]) signal.removeEventListener('abort', this.over);
    this.waiting.leave();
    this.wakeReader();
    this.wakeLooker();
    this.wakeWriters();
  }

  changed(messageId: string): void {
    this.dirty.add(messageId);
    // A client that does not read holds up the looking, however much changes.
    if (this.dirty.size > MOST_DIRTY) {
      this.dirty.clear();
      this.isUnsure = true;
    }
    this.wakeLooker();
  }

  erased(messageIds: readonly string[]): void {
    // Whatever is being read now may have been read before.
    for (const id of messageIds) if (this.isLooking || this.messages.has(id)) this.changed(id);
  }

  unsure(): void {
    this.isUnsure = true;
    this.wakeLooker();
  }

  reached(sequence: number): void {
    this.reachedTo = sequence;
    this.wakeLooker();
  }

  tick(): void {
    for (const followed of this.messages.values()) {
      if (followed.standing.status === 'pending' && !followed.asking)
        void this.tellHowItWaits(followed, true);
    }
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

  private async keepLooking(): Promise<void> {
    for (let failures = 0; !this.isClosed; ) {
      if (!this.isUnsure && this.dirty.size === 0 && this.reachedTo <= this.scope.told) {
        await new Promise<void>((resolve) => {
          this.wakeLooker = resolve;
        });
        continue;
      }
      this.isLooking = true;
      try {
        await this.look();
        failures = 0;
      } catch (error) {
        if (error instanceof RefusedError && error.code === 'not_found') return this.fail(error);
        this.parts.ownerReads.failed(error);
        this.isUnsure = true;
        failures += 1;
        await sleep(backoffDelayMs(failures, RETRY, Math.random()), undefined, { ref: false });
      } finally {
        this.isLooking = false;
      }
    }
  }

  private async look(): Promise<void> {
    const { dirty, reachedTo } = this;
    this.dirty = new Set();
    if (this.isUnsure) {
      this.isUnsure = false;
      return this.lookAtAll();
    }
    const ids = [...dirty];
    const standings = await Promise.all(ids.map((id) => this.parts.reads.read(id)));
    for (const [index, id] of ids.entries()) await this.found(id, standings[index] ?? null);
    this.mark(reachedTo);
  }

  private async lookAtAll(): Promise<void> {
    const first = !this.hasLooked;
    const unseen = new Set(this.messages.keys());
    for await (const standings of this.scope.all(first)) {
      for (const standing of standings) {
        unseen.delete(standing.id);
        await this.found(standing.id, standing, first);
        // In the order of their ends: of those up to here all was told.
        if (this.scope.isWide && standing.terminalSequence !== null) this.mark(standing.terminalSequence);
      }
      if (this.isClosed) return;
    }
    this.hasLooked = true;
    // Erased, or moved while it was looked for.
    for (const id of unseen) this.changed(id);
    this.mark(this.scope.seen);
  }

  /** Resolves when there is room for what one message has to tell. Until then its state is not read: it is told as it is then. */
  private async room(): Promise<void> {
    while (this.queue.isHalfFull && !this.isClosed) {
      await new Promise<void>((resolve) => {
        this.writers.push(resolve);
      });
    }
  }

  private wakeWriters(): void {
    if (this.writers.length === 0) return;
    const { writers } = this;
    this.writers = [];
    for (const wake of writers) wake();
  }

  private mark(sequence: number): void {
    if (sequence <= this.scope.told) return;
    this.scope.told = sequence;
    for (const [id, end] of this.ends) if (end <= sequence) this.ends.delete(id);
    if (this.scope.isWide) this.add({ type: 'told', messageId: null, sequence });
  }

  private async found(id: string, standing: MessageStanding | null, first = false): Promise<void> {
    if (this.queue.isHalfFull) await this.room();
    if (this.isClosed) return;
    if (standing === null || standing.tenant !== this.scope.tenant) return this.gone(id);
    const { terminalSequence, currentAttempt } = standing;
    const known = this.messages.get(id);
    if (terminalSequence !== null) {
      if ((this.ends.get(id) ?? 0) >= terminalSequence) return;
      // What ended by then was told, if it was to be told at all.
      if (this.scope.isWide && known === undefined && terminalSequence <= this.scope.told) return;
      if (this.scope.hasEnd(id, endOf(currentAttempt))) return this.knows(id, terminalSequence);
    }
    const followed = known ?? this.begin(standing, first);
    if (known !== undefined && known.standing.lastSequence > standing.lastSequence) return;
    const isNews = known === undefined || !isSame(known.standing, standing);
    // Whoever asks how it waits goes by the object.
    if (isNews) followed.standing = standing;
    if (terminalSequence !== null) return this.end(followed, terminalSequence);
    // The state comes first. What is said meanwhile comes out of the stream of pieces.
    if (isNews) await this.tell(followed, first);
    if (this.isClosed) return;
    if (standing.status === 'processing' || !this.scope.isWide) this.listen(followed);
  }

  private gone(id: string): void {
    if (!this.scope.isWide) throw refused('not_found', `The message ${id} was erased.`);
    this.messages.get(id)?.listening?.abort();
    this.messages.delete(id);
  }

  private knows(id: string, terminalSequence: number): void {
    this.ends.set(id, terminalSequence);
    this.scope.knows(id, terminalSequence);
    if (this.scope.isWide) return;
    this.isEnded = true;
    this.wakeReader();
  }

  private begin(standing: MessageStanding, first: boolean): Followed {
    const { id, currentAttempt } = standing;
    const had = this.scope.take(id);
    // Of an earlier life its client may have more than is known here.
    const livedBefore = currentAttempt > 1 && (this.scope.isWide || this.ends.has(id));
    const after = had ?? (livedBefore ? endOf(currentAttempt - 1) : 0);
    const mayHave = first && this.scope.cut && had === undefined;
    const followed = {
      ...{ id, answer: new FollowedAnswer(after, mayHave), standing },
      ...{ wait: null, asking: false, listening: null },
    };
    this.messages.set(id, followed);
    return followed;
  }

  private async tell(followed: Followed, first: boolean): Promise<void> {
    const { status } = followed.standing;
    if (status !== 'pending' && status !== 'scheduled') return this.addStatus(followed, NO_WAIT);
    const telling = this.tellInTime(followed);
    // It is the first that a client is told, of one message before its pieces.
    if (first && !this.scope.isWide) await telling;
  }

  /** A state is told without its place where that takes long, and with it then. */
  private async tellInTime(followed: Followed): Promise<void> {
    const { standing } = followed;
    const telling = this.tellHowItWaits(followed, false);
    const late = sleep(TOLD_WITHIN_MS, 'late' as const, { ref: false });
    if ((await Promise.race([telling, late])) !== 'late' || !this.isNow(followed, standing)) return;
    this.addStatus(followed, followed.wait ?? NO_WAIT);
  }

  private isNow(followed: Followed, standing: MessageStanding): boolean {
    return followed.standing === standing && this.messages.get(followed.id) === followed;
  }

  /** @param ifOther only where it waits otherwise than was told */
  private async tellHowItWaits(followed: Followed, ifOther: boolean): Promise<void> {
    const { standing } = followed;
    followed.asking = true;
    const wait = await this.parts.waits.of(standing);
    followed.asking = false;
    if (!this.isNow(followed, standing)) return;
    // Without news, what was told stays.
    if (wait === null && followed.wait !== null) return;
    const told = wait ?? NO_WAIT;
    if (!ifOther || followed.wait === null || !isSameWait(followed.wait, told))
      this.addStatus(followed, told);
  }

  private addStatus(followed: Followed, wait: MessageWait): void {
    followed.wait = wait;
    const status = statusOf(followed.standing);
    this.add({ type: 'status', messageId: followed.id, content: { status, wait } });
  }

  private listen(followed: Followed): void {
    if (followed.listening !== null) return;
    followed.listening = new AbortController();
    const { signal } = followed.listening;
    void this.takePieces(followed, signal).catch((error: unknown) => {
      // Nobody can make a worker wait.
      if (error instanceof FallenBehindError) return this.fail(tooSlow());
      // The whole answer comes with the message's end.
      this.parts.logger.warn({ err: error, messageId: followed.id }, 'lost the pieces of an answer');
    });
  }

  private async takePieces({ id, answer }: Followed, signal: AbortSignal): Promise<void> {
    const options = { fromStart: true, mostWaiting: LIMITS.items / 2 };
    for await (const chunk of this.parts.answers.chunks(id, signal, options)) {
      if (this.queue.isHalfFull) await this.room();
      if (signal.aborted) return;
      this.addSteps(id, answer.take(chunk));
      if (this.queue.isOverfull) this.fail(tooSlow());
    }
  }

  private async end(followed: Followed, terminalSequence: number): Promise<void> {
    const { id, answer, standing } = followed;
    const choices = await this.choicesAt(terminalSequence);
    // Its client has pieces that did not come here, or not yet.
    if (answer.isBehind) {
      const pieces = await this.parts.answers.history(id).catch(() => []);
      for (const piece of pieces) this.addSteps(id, answer.take(piece));
    }
    if (this.isClosed) return;
    followed.listening?.abort();
    this.messages.delete(id);
    this.ends.set(id, terminalSequence);
    this.addStatus(followed, NO_WAIT);
    this.addSteps(id, answer.end(standing.currentAttempt, choices));
    this.add({
      type: 'ended',
      messageId: id,
      at: endOf(standing.currentAttempt),
      sequence: terminalSequence,
    });
  }

  /** None where it ended without an answer, with one that is no text, or where that was erased. */
  private async choicesAt(sequence: number): Promise<AnsweredChoice[]> {
    const event = (await this.parts.log.get(sequence))?.event;
    if (event?.type !== 'llmq.message.completed.v1' || Array.isArray(event.data.answer['data'])) return [];
    return choicesOf(event);
  }

  private addSteps(messageId: string, steps: readonly AnswerStep[]): void {
    for (const step of steps) {
      if (step.kind === 'restart') this.add({ type: 'restart', messageId, at: step.at });
      else {
        const { kind: type, ...piece } = step;
        this.add({ type, messageId, ...piece });
      }
    }
  }

  private add(item: Queued<StatusContent>): void {
    if (this.isClosed) return;
    this.queue.add(item);
    this.wakeReader();
  }

  /** Null for what is nothing to tell. */
  private async eventOf(item: Queued<StatusContent>): Promise<LiveEvent | null> {
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
  }: Extract<Queued<StatusContent>, { type: 'ended' }>): Promise<LiveEvent | null> {
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
        await sleep(backoffDelayMs(failures, RETRY, Math.random()), undefined, { ref: false });
      }
    }
    return undefined;
  }
}

function tooSlow(): RefusedError {
  return refused('too_slow', 'More came than was read; connect again to go on.');
}

function statusOf(standing: MessageStanding): LiveStatus {
  const { id, userId, status, priority, priorityReason, model, attempts, maxRetries } = standing;
  const { createdAt, updatedAt, scheduledAt, deadline, startedAt, completedAt, error } = standing;
  return {
    ...{ id, userId, status, priority, priorityReason, model, attempts, maxRetries },
    conversationId: standing.conversationGivenId ?? standing.conversationId,
    ...{ createdAt, updatedAt, scheduledAt, deadline, startedAt, completedAt, error },
  };
}

/** Whether nothing changed that is told. */
function isSame(one: MessageStanding, other: MessageStanding): boolean {
  return (
    one.status === other.status &&
    one.attempts === other.attempts &&
    one.priority === other.priority &&
    one.heldBehind === other.heldBehind &&
    one.scheduledAt === other.scheduledAt &&
    one.updatedAt === other.updatedAt
  );
}

function isSameWait(one: MessageWait, other: MessageWait): boolean {
  return (
    one.position === other.position &&
    one.etaSeconds === other.etaSeconds &&
    one.waitingFor === other.waitingFor
  );
}
