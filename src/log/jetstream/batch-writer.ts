import { setTimeout as sleep } from 'node:timers/promises';
import { type NatsConnection, nuid } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import type { ConnectionWatch } from '../../broker/connection-watch.js';
import { DEDUPE_WINDOW_MS } from '../../broker/streams.js';
import { backoffDelayMs } from '../../domain/message/backoff.policy.js';
import { InvalidAppendError, LogFullError } from '../event-log.errors.js';
import type { AnswerInbox } from './answer-inbox.js';
import type { AppendPart } from './append-part.js';
import { Batch } from './batch.js';
import type { StoredWrites } from './stored-writes.js';
import { type Publish, publishBatch, publishOne } from './wire.js';
import type { WriteAnswer, WriteRefused } from './write-answer.js';

/** A healthy broker answers in milliseconds; silence on a standing connection means a new leader or a lost answer. */
const ANSWER_TIMEOUT_MS = 2_000;
const LONGEST_ANSWER_TIMEOUT_MS = 15_000;
/** Beyond it the broker may have forgotten the batch's id, and would store it twice. */
const SAFE_REPEAT_MS = DEDUPE_WINDOW_MS - 20_000;
const CONNECTION_CHECK_MS = 100;
const AGAIN = { baseDelayMs: 25, maxDelayMs: 1_000 };

export interface BatchWriterParts {
  readonly connection: NatsConnection;
  readonly state: ConnectionWatch;
  readonly inbox: AnswerInbox;
  readonly stored: StoredWrites;
  readonly logger: Logger;
}

/**
 * Writes one batch until every append in it is stored once, refused for good, or given up by its caller.
 *
 * Where no answer came, the same batch goes out again under the same id. The broker then stores it, or refuses it
 * because it knows the id (10201), which proves that the earlier try was stored whole; where it lies is asked with a
 * probe. Ids of its own make a batch of keyed appends refusable by a stranger's append, too: then it is halved until
 * the ones that were there already stand alone.
 */
export class BatchWriter {
  constructor(private readonly use: BatchWriterParts) {}

  newBatch(parts: readonly AppendPart[]): Batch {
    return new Batch(parts, nuid.next());
  }

  /** Never rejects. Returns with every part settled. */
  async write(batch: Batch): Promise<void> {
    for (let tries = 0; batch.prepare(); tries += 1) {
      if (batch.doubtAgeMs(performance.now()) > SAFE_REPEAT_MS) return giveUp(batch);
      if (!this.use.state.up) {
        tries = 0;
        await sleep(CONNECTION_CHECK_MS);
        continue;
      }
      const sentAt = performance.now();
      batch.leaves();
      const answer = await this.use.inbox.ask(this.publishing(batch), answerTimeoutMs(tries));
      if (await this.conclude(batch, answer, sentAt)) return;
      if (answer.kind === 'refused') await sleep(backoffDelayMs(tries + 1, AGAIN, Math.random()));
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
    if (answer.meaning === 'again') return false;
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
    const { messages } = batch;
    const sequence = known ?? (await this.use.stored.sequenceOf(messages[0]!, batch.firstMessageId));
    if (sequence !== null && (await this.use.stored.isAt(sequence, messages))) {
      batch.stored(sequence);
    } else {
      this.use.logger.error({ sequence, events: messages.length }, 'the broker holds a part of a batch only');
      settleAll(batch, null, 'the broker holds a part of it only');
    }
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
    if (batch.inDoubt && sequence !== null && (await this.use.stored.isAt(sequence, messages))) {
      batch.stored(sequence);
      return true;
    }
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

function giveUp(batch: Batch): void {
  settleAll(batch, null, 'the broker was away for longer than it remembers what it has stored');
}

/** Callers whose events may be in the log after all are told so, whatever the last answer was. */
function settleAll(batch: Batch, error: (() => Error) | null, reason?: string): void {
  for (const part of batch.parts) {
    if (error === null || part.inDoubt) part.unavailable(reason);
    else part.refused(error());
  }
}
