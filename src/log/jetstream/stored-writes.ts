import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { WRONG_LAST_MESSAGE_ID } from '../../broker/api-codes.js';
import { EVENTS_STREAM } from '../../broker/streams.js';
import { positionOf } from '../log-position.js';
import { firstPositionIn } from '../log-record.js';
import type { AnswerInbox } from './answer-inbox.js';
import { publishProbe, type WireMessage } from './wire.js';

const TIMEOUT_MS = 2_000;

/** Looks up what an earlier try stored, where its answer never came. */
export class StoredWrites {
  private manager: Promise<JetStreamManager> | undefined;

  constructor(
    private readonly connection: NatsConnection,
    private readonly inbox: AnswerInbox,
  ) {}

  /**
   * The broker's sequence of the message that carries this id, or null where the broker knows none.
   * @throws {Error} when the broker does not say
   */
  async sequenceOf(message: WireMessage, messageId: string): Promise<number | null> {
    const answer = await this.inbox.ask(publishProbe(this.connection, message, messageId), TIMEOUT_MS);
    if (answer.kind === 'duplicate') return answer.sequence;
    if (answer.kind === 'refused' && answer.code === WRONG_LAST_MESSAGE_ID) return null;
    throw new Error(answer.kind === 'stored' ? 'a probe was stored' : answer.reason);
  }

  /**
   * Whether these very messages lie in the stream from this sequence of the broker's on. An event's id is in its bytes, so equal bytes
   * are the same event; a batch is stored whole, so its first and last speak for all.
   * @throws {Error} when the broker does not say
   */
  async isAt(sequence: number, messages: readonly WireMessage[]): Promise<boolean> {
    const last = messages.length - 1;
    if (!(await this.holds(sequence, messages[0]!))) return false;
    return last === 0 || this.holds(sequence + last, messages[last]!);
  }

  /**
   * The position of the first event in the record that another append stored here: it may hold one event more or less
   * than ours would.
   * @throws {Error} when the broker does not say
   */
  async firstPositionAt(sequence: number): Promise<number> {
    const data = await this.recordAt(sequence);
    return data === null ? positionOf(sequence) : firstPositionIn(data, sequence);
  }

  private async holds(sequence: number, message: WireMessage): Promise<boolean> {
    const data = await this.recordAt(sequence);
    return data !== null && Buffer.from(message.payload).equals(data);
  }

  /** Asks the stream's leader: another replica can be behind. */
  private async recordAt(sequence: number): Promise<Uint8Array | null> {
    this.manager ??= jetstreamManager(this.connection, { checkAPI: false, timeout: TIMEOUT_MS });
    const stored = await (await this.manager).streams.getMessage(EVENTS_STREAM, { seq: sequence });
    return stored?.data ?? null;
  }
}
