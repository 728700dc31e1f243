import type { Lane } from '../../domain/message/lane.policy.js';
import type { MessagePrioritized, ModelRequest } from '../../domain/message/message.events.js';
import type { DueMessage } from '../../domain/message/requeue-due.decision.js';
import type { TraceContext } from '../../domain/trace-context.policy.js';

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
  /** Whose message it is, where the request is there; else null, and the request's event tells it. */
  readonly userId: string | null;
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
  /** Another worker was given it, since this process was taken for gone: handing it back is no longer its business. */
  readonly isLost: boolean;
  /** Takes the message off its lane for good. None of these waits or throws: a lost one means a redelivery. */
  ack(): void;
  /** Puts the message back into its lane, for any worker, at once (then it is the first of its model) or after the delay. */
  handBack(delayMs?: number): void;
  /** As `handBack` at once, for a message that nobody did anything with: this process knows it again, and doubts it no more than before. */
  putBack(): void;
}

/** Where its request lies: the append that received a message holds both events, the request right before the lane's. */
export function receivedSequenceOf({ event, sequence }: LaneDelivery): number {
  return event.data.received_sequence ?? sequence - 1;
}

/** What one worker knows of a lane's messages for one model. */
export interface LaneView {
  /** Messages that are here, ready to be taken. */
  readonly ready: number;
  /** There are more, as far as was seen last. */
  readonly supposed: boolean;
  /** None is ready, and whether there is any was asked a moment ago. */
  readonly undecided: boolean;
  /** None is ready, and the answer to what was asked at once is on its way, however long it takes. */
  readonly unanswered: boolean;
  /** None seems to be there, and several that come are asked for. */
  readonly awaited: boolean;
}

/**
 * What waits for one model, lane by lane, in the order of acceptance. It fetches what it is asked to, and nothing else.
 */
export interface ModelQueue {
  readonly model: string;
  view(lane: Lane): LaneView;
  /** Where the lane's first ready message lies in the log; null where none is ready. */
  head(lane: Lane): number | null;
  take(lane: Lane): LaneDelivery | undefined;
  /** Has so many messages of the lane ready or on their way, as far as there are any, now or later. */
  want(lane: Lane, count: number): void;
  /** Puts back what has been ready for as long as this. Returns when to ask again, in milliseconds; null for not at all. */
  putBackAfter(ms: number): number | null;
}

/**
 * The lanes of the log as one worker reads them, model by model: a message that can't be placed stays with the broker.
 *
 * Deliberately absent: what to take and how much to fetch (the worker's policies), and a limit on deliveries (the worker
 * counts lost calls itself, since a broker that gives up a message tells nobody).
 */
export interface Lanes {
  /**
   * `onChange` is called when more messages are ready, or when it turned out that there are none.
   * @throws when the consumers of the models can't be created
   */
  start(models: ServedModels, onChange: () => void): Promise<void>;
  /** To be called when other models are served. What waits for one that is gone stays in its lane. */
  serve(models: ServedModels): void;
  readonly queues: readonly ModelQueue[];
  /** The subjects under which the broker is answered for what has been held for so long. */
  repliesHeld(forMs: number): string[];
  /** What was delivered under these has gone to other workers. */
  lose(replies: ReadonlySet<string>): void;
  /** Takes no more from the broker, and hands back at once what was held ready. What was taken stays held. */
  stopTaking(): Promise<void>;
  /** Ends the holding of what is left, once everything that was acked or handed back has reached the broker. */
  close(): Promise<void>;
}

export interface ServedModels {
  readonly models: readonly string[];
  /** What messages get that want no certain model. */
  readonly defaultModel: string;
}

/** The time of a message's first attempt, where it was delayed, or of its next. */
export interface RetrySchedule extends TraceContext {
  readonly messageId: string;
  readonly tenant: string;
  /** ISO 8601, UTC. A time in the past is due at once. */
  readonly dueAt: string;
  readonly message: DueMessage;
}

export const LANES_PORT = Symbol('Lanes');
