import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { AnswerInbox } from './answer-inbox.js';
import { WRONG_LAST_MESSAGE_ID } from './api-codes.js';
import { EVENTS_STREAM } from './streams.js';
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
   * The sequence of the message that carries this id, or null where the broker knows none.
   * @throws {Error} when the broker does not say
   */
  async sequenceOf(message: WireMessage, messageId: string): Promise<number | null> {
    const answer = await this.inbox.ask(publishProbe(this.connection, message, messageId), TIMEOUT_MS);
    if (answer.kind === 'duplicate') return answer.sequence;
    if (answer.kind === 'refused' && answer.code === WRONG_LAST_MESSAGE_ID) return null;
    throw new Error(answer.kind === 'stored' ? 'a probe was stored' : answer.reason);
  }

  /**
   * Whether these very messages lie in the log from this sequence on. An event's id is in its bytes, so equal bytes
   * are the same event; a batch is stored whole, so its first and last speak for all.
   * @throws {Error} when the broker does not say
   */
  async isAt(sequence: number, messages: readonly WireMessage[]): Promise<boolean> {
    const last = messages.length - 1;
    if (!(await this.holds(sequence, messages[0]!))) return false;
    return last === 0 || this.holds(sequence + last, messages[last]!);
  }

  /** Asks the stream's leader: another replica can be behind. */
  private async holds(sequence: number, message: WireMessage): Promise<boolean> {
    this.manager ??= jetstreamManager(this.connection, { checkAPI: false, timeout: TIMEOUT_MS });
    const stored = await (await this.manager).streams.getMessage(EVENTS_STREAM, { seq: sequence });
    return stored !== null && Buffer.from(message.payload).equals(stored.data);
  }
}
