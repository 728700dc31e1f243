import type { Lane, MessagePrioritized, ModelRequest } from '../../domain/message/message.events.js';
import type { DueMessage } from '../../domain/message/requeue-due.decision.js';

/**
 * A message taken off a lane. Until it is acked or handed back this process holds it: its ack deadline is extended in
 * the background, and only the death of the process gives it to another worker.
 */
export interface LaneDelivery {
  readonly lane: Lane;
  /** Where `event` lies in the log. */
  readonly sequence: number;
  readonly event: MessagePrioritized;
  /** The message's request where it lies in the same record of the log, which it does at the first attempt; else null. */
  readonly request: ModelRequest | null;
  /** The conversation, where the request is there; else null, and the request's event tells it. */
  readonly conversationId: string | null;
  /** Whether its client wants the answer as a stream, where the request is there; else null. */
  readonly streamed: boolean | null;
  /** How often the broker says it handed this message out, from 1. */
  readonly delivery: number;
  /**
   * On a first delivery, the log's last sequence when this process began to read the lane, for a message that is older
   * than that; else null. A broker that was killed may have forgotten that it handed out and was acked such a message
   * before; what came of that is at or below this sequence.
   */
  readonly inDoubtUpTo: number | null;
  /** Takes the message off its lane for good. Neither this nor `handBack` waits or throws: a lost one means a redelivery. */
  ack(): void;
  /** Puts the message back into its lane, for any worker, at once or after the delay. */
  handBack(delayMs?: number): void;
}

/** Where its request lies: the append that received a message holds both events, the request right before the lane's. */
export function receivedSequenceOf({ event, sequence }: LaneDelivery): number {
  return event.data.received_sequence ?? sequence - 1;
}

/**
 * The lanes of the log as one worker reads them: some messages of each lane are held ready in memory.
 *
 * Deliberately absent: which lane to take from (`lane-order.policy`), and a limit on deliveries (the worker counts lost
 * calls itself, since a broker that gives up a message tells nobody).
 */
export interface Lanes {
  /**
   * Begins to hold messages ready; `onReady` is called when more have come.
   * @throws when the lanes' consumers can't be created
   */
  start(onReady: () => void): Promise<void>;
  /** How many messages of the lane are ready to be taken. */
  ready(lane: Lane): number;
  take(lane: Lane): LaneDelivery | undefined;
  /** Takes no more from the broker, and hands back at once what was held ready. What was taken stays held. */
  stopTaking(): Promise<void>;
  /** Ends the holding of what is left, once everything that was acked or handed back has reached the broker. */
  close(): Promise<void>;
}

/** The time of a message's first attempt, where it was delayed, or of its next. */
export interface RetrySchedule {
  readonly messageId: string;
  readonly tenant: string;
  readonly traceparent?: string;
  /** ISO 8601, UTC. A time in the past is due at once. */
  readonly dueAt: string;
  readonly message: DueMessage;
}

export const LANES_PORT = Symbol('Lanes');
