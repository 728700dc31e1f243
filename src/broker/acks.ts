/** What the reply subject of a delivered message says of its delivery. */
export interface Delivery {
  readonly consumer: string;
  /** How often the broker says it handed this message out, from 1. */
  readonly delivery: number;
  readonly streamSequence: number;
  /** Counts what this consumer delivered, from 1: a gap in it is a lost message. */
  readonly consumerSequence: number;
  /** Messages that the consumer had not handed out yet when it sent this one; those to be handed out again left out. */
  readonly pending: number;
}

/**
 * Reads the reply subject that the server gives each message of a consumer:
 * `$JS.ACK.<stream>.<consumer>.<delivery>.<stream sequence>.<consumer sequence>.<time>.<pending>`, since 2.15 also
 * `$JS.ACK.<domain>.<account>.<stream>...<pending>[.<random>]` (ADR-15 of the NATS project). Null for any other subject.
 */
export function parseAckSubject(reply: string): Delivery | null {
  if (!reply.startsWith('$JS.ACK.')) return null;
  const tokens = reply.split('.');
  if (tokens.length < 9) return null;
  const at = tokens.length === 9 ? 3 : 5;
  const delivery = Number(tokens[at + 1]);
  const streamSequence = Number(tokens[at + 2]);
  const consumerSequence = Number(tokens[at + 3]);
  if (!(delivery >= 1 && streamSequence >= 1 && consumerSequence >= 1)) return null;
  const pending = Number(tokens[at + 5]) || 0;
  return { consumer: tokens[at]!, delivery, streamSequence, consumerSequence, pending };
}

/** When the broker stored a delivered message, in nanoseconds, as the reply subject of its delivery says it. */
export function storedTimeIn(reply: string): string {
  const tokens = reply.split('.');
  return tokens[tokens.length === 9 ? 7 : 9] ?? '';
}

/** What is answered to a delivery, as the server reads it. */
export type AckReply = Uint8Array | string;

export const ACK: AckReply = new TextEncoder().encode('+ACK');
/** The ack deadline begins anew. */
export const IN_PROGRESS: AckReply = new TextEncoder().encode('+WPI');
/** Never to be delivered again. */
export const UNDECODABLE: AckReply = '+TERM undecodable';

/** To be delivered again, at once or after the delay. */
export function handBackReply(delayMs: number): AckReply {
  return delayMs > 0 ? `-NAK {"delay":${Math.round(delayMs) * 1_000_000}}` : '-NAK';
}
