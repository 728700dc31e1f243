import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type AnswerListener, FallenBehindError } from '../../dispatch/answers/answers.port.js';
import { type AnsweredChoice, choicesOf } from '../../domain/message/answered-choices.policy.js';
import type { EventLog } from '../../log/event-log.port.js';
import { aboutMessage } from '../../platform/logging/about-message.js';
import type { MessageStanding } from '../../projection/read/message-standings.js';
import { type RefusedError, refused } from '../refusal.js';
import { type MessageWait, NO_WAIT } from '../waiting/message-wait.policy.js';
import { type AnswerStep, FollowedAnswer } from './followed-answer.policy.js';
import { type ClientRoom, FollowerQueue, type Queued } from './follower-queue.policy.js';
import type { LiveStatus } from './live-event.js';
import type { LiveScope } from './live-scope.js';
import type { LiveWaits } from './live-waits.js';
import { endOf } from './piece-position.policy.js';

/** What may wait for a follower that does not ask. */
const LIMITS = { items: 1_000, units: 1024 * 1024 };
/** A state that is told with a place in a lane waits for that place so long. */
const TOLD_WITHIN_MS = 150;

export interface TellingParts {
  readonly answers: AnswerListener;
  readonly waits: LiveWaits;
  readonly log: EventLog;
  readonly logger: Logger;
}

export interface StatusContent {
  readonly status: LiveStatus;
  readonly wait: MessageWait;
}

export type ToTell = Queued<StatusContent>;

/** Whose client is told. */
export interface Told {
  /** There is more to tell. */
  added(): void;
  /** The client came with the end of the one message that it follows. */
  over(): void;
  failed(error: RefusedError): void;
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
 * What a follower's client is told of the messages that it follows: what is found of their states, and the pieces of answers
 * under way as they come. Both go into a queue, which the client empties at its own speed.
 */
export class FollowedMessages {
  private readonly queue: FollowerQueue<StatusContent>;
  private readonly messages = new Map<string, Followed>();
  /** The ends that were told and lie behind what the scope has told, by message. */
  private readonly ends = new Map<string, number>();
  private isClosed = false;
  private writers: (() => void)[] = [];

  constructor(
    private readonly parts: TellingParts,
    private readonly scope: LiveScope,
    private readonly told: Told,
    private readonly room: ClientRoom | null,
  ) {
    this.queue = new FollowerQueue(LIMITS, room);
  }

  /** How much waits for the client. */
  get size(): number {
    return this.queue.size;
  }

  get ids(): Iterable<string> {
    return this.messages.keys();
  }

  has(id: string): boolean {
    return this.messages.has(id);
  }

  next(): ToTell | undefined {
    const item = this.queue.next();
    if (item !== undefined) this.wakeWriters();
    return item;
  }

  close(): void {
    this.isClosed = true;
    for (const followed of this.messages.values()) followed.listening?.abort();
    this.messages.clear();
    this.queue.clear();
    this.wakeWriters();
  }

  /** Whoever waits may wait otherwise than was told. */
  tick(): void {
    for (const followed of this.messages.values()) {
      if (followed.standing.status === 'pending' && !followed.asking)
        void this.tellHowItWaits(followed, true);
    }
  }

  /** All that changed up to this sequence of the log was found. */
  mark(sequence: number): void {
    if (sequence <= this.scope.told) return;
    this.scope.told = sequence;
    for (const [id, end] of this.ends) if (end <= sequence) this.ends.delete(id);
    if (this.scope.isWide) this.add({ type: 'told', messageId: null, sequence });
  }

  /**
   * What a look has found of a message; null for nothing. Waits for room in front of a client that does not read.
   *
   * @param first nothing was looked at before
   * @throws {RefusedError} `not_found` where it is all that is followed, and was erased
   */
  async found(id: string, standing: MessageStanding | null, first = false): Promise<void> {
    if (this.queue.isHalfFull) await this.untilRoom();
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
    if (!this.scope.isWide) this.told.over();
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
      if (error instanceof FallenBehindError) return this.told.failed(tooSlow());
      // The whole answer comes with the message's end.
      this.parts.logger.warn({ err: error, ...aboutMessage(followed.id) }, 'lost the pieces of an answer');
    });
  }

  private async takePieces({ id, answer }: Followed, signal: AbortSignal): Promise<void> {
    const options = { fromStart: true, mostWaiting: LIMITS.items / 2, room: this.room };
    for await (const chunk of this.parts.answers.chunks(id, signal, options)) {
      if (this.queue.isHalfFull) await this.untilRoom();
      if (signal.aborted) return;
      this.addSteps(id, answer.take(chunk));
      if (this.queue.isOverfull) this.told.failed(tooSlow());
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

  private add(item: ToTell): void {
    if (this.isClosed) return;
    this.queue.add(item);
    this.told.added();
  }

  /** Resolves when there is room for what one message has to tell. Until then its state is not read: it is told as it is then. */
  private async untilRoom(): Promise<void> {
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
