import { setTimeout as sleep } from 'node:timers/promises';
import { type NatsConnection, nuid } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import type { ConnectionWatch } from '../../broker/connection-watch.js';
import { DEDUPE_WINDOW_MS } from '../../broker/streams.js';
import { backoffDelayMs } from '../../domain/message/backoff.policy.js';
import { InvalidAppendError, LogFullError } from '../event-log.errors.js';
import type { AnswerInbox } from './answer-inbox.js';
import type { AppendHealth } from './append-health.js';
import type { AppendPart } from './append-part.js';
import { Batch } from './batch.js';
import type { Reached, StoredWrites } from './stored-writes.js';
import { type Publish, publishBatch, publishOne } from './wire.js';
import type { WriteAnswer, WriteRefused } from './write-answer.js';

/** A healthy broker answers in milliseconds; silence on a standing connection means a new leader or a lost answer. */
const ANSWER_TIMEOUT_MS = 2_000;
const LONGEST_ANSWER_TIMEOUT_MS = 15_000;
/** So long before the broker forgets a batch's id, the id alone is no longer trusted: a try and its answer take time. */
const FORGETS_EARLIER_MS = 20_000;
/** Of the first appends of a process: one in doubt is looked for in the whole log, which is slow and as sure. */
const NOT_TOLD_YET: Reached = { sequence: 0, rememberedMs: DEDUPE_WINDOW_MS };
const CONNECTION_CHECK_MS = 100;
const AGAIN = { baseDelayMs: 25, maxDelayMs: 1_000 };

export interface BatchWriterParts {
  readonly connection: NatsConnection;
  readonly state: ConnectionWatch;
  readonly inbox: AnswerInbox;
  readonly stored: StoredWrites;
  readonly health: AppendHealth;
  readonly logger: Logger;
}

/**
 * Writes one batch until every append in it is stored once, refused for good, or given up by its caller.
 *
 * Where no answer came, the same batch goes out again under the same id. The broker then stores it, or refuses it
 * because it knows the id (10201): then the earlier try was stored, and where it lies is asked with a probe. Once the
 * broker may have forgotten the id, the log itself is asked for the batch before each further try. A broker that ran out
 * of disk in the middle of a batch can hold its first messages only: then the others are written behind them.
 *
 * Ids of its own make a batch of keyed appends refusable by a stranger's append, too: then it is halved until the ones
 * that were there already stand alone.
 */
export class BatchWriter {
  /** Null until the broker has told. */
  private reached: Reached | null = null;

  constructor(private readonly use: BatchWriterParts) {}

  newBatch(parts: readonly AppendPart[]): Batch {
    return new Batch(parts, nuid.next());
  }

  /** Never rejects. Returns with every part settled. */
  async write(batch: Batch): Promise<void> {
    for (let tries = 0; batch.prepare(); tries += 1) {
      if (!this.use.state.up) {
        tries = 0;
        await sleep(CONNECTION_CHECK_MS);
        continue;
      }
      const said = await this.tryOnce(batch, answerTimeoutMs(tries));
      if (said === 'settled') return;
      if (said !== 'silence') await sleep(backoffDelayMs(tries + 1, AGAIN, Math.random()));
    }
  }

  /** `settled` when nothing is left to do for this batch, else what the broker said. */
  private async tryOnce(batch: Batch, timeoutMs: number): Promise<'settled' | WriteAnswer['kind']> {
    const sentAt = performance.now();
    if (this.reached === null) {
      const asked = this.askReached();
      // How long the broker remembers it is not guessed: a stream's window can be shorter than it is made.
      if (batch.inDoubt && !(await asked)) return 'refused';
    }
    const reached = this.reached ?? NOT_TOLD_YET;
    if (batch.inDoubt && batch.doubtAgeMs(sentAt) > reached.rememberedMs - FORGETS_EARLIER_MS) {
      const found = await this.lookUp(batch);
      if (found !== 'absent') return found === 'settled' ? 'settled' : 'refused';
    }
    batch.leaves(reached.sequence);
    const answer = await this.use.inbox.ask(this.publishing(batch), timeoutMs);
    if (this.use.state.up) this.use.health.heard(answer, sentAt);
    return (await this.conclude(batch, answer, sentAt)) ? 'settled' : answer.kind;
  }

  /** An append that is in doubt one day is looked for behind what the log held before it. Only one in doubt waits for this. */
  private async askReached(): Promise<boolean> {
    const told = await this.use.stored.reached().catch(() => null);
    this.reached ??= told;
    return this.reached !== null;
  }

  private async lookUp(batch: Batch): Promise<'settled' | 'absent' | 'unclear'> {
    try {
      const sequence = await this.use.stored.find(batch.messages[0]!, batch.storedBehind);
      if (sequence === null) return 'absent';
      return (await this.liesAt(sequence, batch)) ? 'settled' : 'unclear';
    } catch (error) {
      batch.cameBack(`the log could not be asked for it: ${(error as Error).message}`);
      return 'unclear';
    }
  }

  private publishing(batch: Batch): Publish {
    const { messages, messageId } = batch;
    const [only] = messages;
    return messages.length === 1 && only
      ? publishOne(this.use.connection, only, messageId)
      : publishBatch(this.use.connection, messages, nuid.next(), messageId);
  }

  /** True when nothing is left to do for this batch. */
  private async conclude(batch: Batch, answer: WriteAnswer, sentAt: number): Promise<boolean> {
    switch (answer.kind) {
      case 'stored':
        if (this.reached !== null) this.reached = { ...this.reached, sequence: answer.sequence };
        batch.stored(answer.sequence - batch.messages.length + 1);
        return true;
      case 'duplicate':
        return this.concludeDuplicate(batch, answer.sequence, sentAt);
      case 'silence':
        batch.vanished(sentAt, answer.reason);
        this.use.logger.warn({ events: batch.messages.length }, `an append is in doubt: ${answer.reason}`);
        return false;
      case 'refused':
        return this.concludeRefused(batch, answer, sentAt);
    }
  }

  private async concludeRefused(batch: Batch, answer: WriteRefused, sentAt: number): Promise<boolean> {
    if (answer.meaning === 'duplicate') return this.concludeDuplicate(batch, null, sentAt);
    batch.cameBack(answer.reason);
    // For one in doubt, "full" is no end: told so, its caller would make another append of what may be in the log.
    if (answer.meaning === 'again' || (answer.meaning === 'full' && batch.inDoubt)) return false;
    if (answer.meaning === 'full') settleAll(batch, () => new LogFullError(answer.reason));
    else if (answer.meaning === 'refused') settleAll(batch, null, answer.reason);
    else if (batch.parts.length > 1 && !batch.inDoubt) await this.writeHalves(batch);
    else settleAll(batch, () => new InvalidAppendError(`The broker finds it too large: ${answer.reason}.`));
    return true;
  }

  private async concludeDuplicate(batch: Batch, sequence: number | null, sentAt: number): Promise<boolean> {
    try {
      return await (batch.keyed ? this.keyWasThere(batch, sequence) : this.ownTryWasStored(batch, sequence));
    } catch (error) {
      // The lookup failed, and will be made again. An own id that is known is as good as stored; another's is not.
      const reason = `the broker did not say what it had stored: ${(error as Error).message}`;
      if (batch.keyed) batch.cameBack(reason);
      else batch.vanished(sentAt, reason);
      return false;
    }
  }

  private async ownTryWasStored(batch: Batch, known: number | null): Promise<boolean> {
    const first = batch.messages[0]!;
    const sequence = known ?? (await this.use.stored.sequenceOf(first, batch.firstMessageId));
    if (sequence !== null && (await this.liesAt(sequence, batch))) return true;
    // Its disk failed while it stored: it knows the id, and forgets it with its restart.
    throw new Error('it knows the id and has not the events');
  }

  /** Settles what lies here, and writes what is missing behind it. False where nothing of it does. */
  private async liesAt(sequence: number, batch: Batch): Promise<boolean> {
    const { messages } = batch;
    const count = await this.use.stored.countAt(sequence, messages);
    if (count === 0) return false;
    if (count === messages.length) {
      batch.stored(sequence);
      return true;
    }
    this.use.logger.warn(
      { sequence, events: messages.length, stored: count },
      'the broker holds the first part of a batch only: the rest is written now',
    );
    const rest = this.newBatch(batch.storedFirst(sequence, count));
    // The broker may have put the rest by, and writes it itself when it is started again: it is looked for before each try.
    rest.mayLieBehind(sequence);
    await this.write(rest);
    return true;
  }

  private async keyWasThere(batch: Batch, known: number | null): Promise<boolean> {
    const { messages, parts } = batch;
    const [only] = parts;
    if (!batch.inDoubt && parts.length > 1) {
      await this.writeHalves(batch);
      return true;
    }
    const sequence = known ?? (await this.use.stored.sequenceOf(messages[0]!, batch.firstMessageId));
    if (batch.inDoubt && sequence !== null && (await this.liesAt(sequence, batch))) return true;
    // Another append had one of the keys, so no try of this batch was ever taken.
    batch.provenAbsent();
    if (parts.length > 1 || sequence === null || !only) return false;
    only.wasThere(await this.use.stored.firstPositionAt(sequence));
    return true;
  }

  private async writeHalves(batch: Batch): Promise<void> {
    batch.provenAbsent();
    const middle = Math.ceil(batch.parts.length / 2);
    await this.write(this.newBatch(batch.parts.slice(0, middle)));
    await this.write(this.newBatch(batch.parts.slice(middle)));
  }
}

function answerTimeoutMs(tries: number): number {
  return Math.min(ANSWER_TIMEOUT_MS * 2 ** tries, LONGEST_ANSWER_TIMEOUT_MS);
}

/** Callers whose events may be in the log after all are told so, whatever the last answer was. */
function settleAll(batch: Batch, error: (() => Error) | null, reason?: string): void {
  for (const part of batch.parts) {
    if (error === null || part.inDoubt) part.unavailable(reason);
    else part.refused(error());
  }
}
