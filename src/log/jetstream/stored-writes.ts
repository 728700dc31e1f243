import { type JetStreamManager, jetstreamManager, type MsgRequest } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { WRONG_LAST_MESSAGE_ID } from '../../broker/api-codes.js';
import { EVENTS_STREAM } from '../../broker/streams.js';
import { positionOf } from '../log-position.js';
import { firstPositionIn } from '../log-record.js';
import type { AnswerInbox } from './answer-inbox.js';
import { publishProbe, type WireMessage } from './wire.js';

const TIMEOUT_MS = 2_000;
const NANOS_IN_MS = 1_000_000;

/** What an answer to an append tells, for who has had none yet. */
export interface Reached {
  /** The broker's newest sequence. */
  readonly sequence: number;
  /** How long the broker remembers the id of what it has stored. */
  readonly rememberedMs: number;
}

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

  /** @throws {Error} when the broker does not say */
  async reached(): Promise<Reached> {
    const { state, config } = await (await this.streams()).info(EVENTS_STREAM);
    return { sequence: state.last_seq, rememberedMs: config.duplicate_window / NANOS_IN_MS };
  }

  /**
   * How many of these very messages lie in the stream from this sequence of the broker's on. An event's id is in its
   * bytes, so equal bytes are the same event. A batch is stored in its order, so its last message speaks for all; a
   * broker that ran out of disk in the middle of it holds the first ones only.
   * @throws {Error} when the broker does not say
   */
  async countAt(sequence: number, messages: readonly WireMessage[]): Promise<number> {
    const last = messages.length - 1;
    if (!(await this.holds(sequence, messages[0]!))) return 0;
    if (last === 0 || (await this.holds(sequence + last, messages[last]!))) return messages.length;
    return firstWithout(1, last, (index) => this.holds(sequence + index, messages[index]!));
  }

  /**
   * Where this message lies behind a sequence of the broker's, or null where the log has it not. It is asked of the log
   * itself, which forgets nothing, one message of its subject after the other: slow, and sure.
   * @throws {Error} when the broker does not say
   */
  async find({ subject, payload }: WireMessage, behind: number): Promise<number | null> {
    const streams = await this.streams();
    for (let seq = behind + 1; ; seq += 1) {
      const next = await streams.getMessage(EVENTS_STREAM, nextOf(subject, seq));
      if (next === null) return null;
      if (Buffer.from(payload).equals(next.data)) return next.seq;
      seq = next.seq;
    }
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
    const stored = await (await this.streams()).getMessage(EVENTS_STREAM, { seq: sequence });
    return stored?.data ?? null;
  }

  private async streams(): Promise<JetStreamManager['streams']> {
    this.manager ??= jetstreamManager(this.connection, { checkAPI: false, timeout: TIMEOUT_MS });
    return (await this.manager).streams;
  }
}

/** The client declares this question for replicas only; asked of the stream's leader, it is answered too. */
function nextOf(subject: string, seq: number): MsgRequest {
  return { seq, next_by_subj: subject } as MsgRequest;
}

/** The first index in this range that has not what all before it have and none behind it has: found by halves. */
async function firstWithout(
  from: number,
  to: number,
  has: (index: number) => Promise<boolean>,
): Promise<number> {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await has(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
