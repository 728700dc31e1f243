export interface DeliveryPosition {
  readonly streamSequence: number;
  /** Counts what this consumer delivered, from 1: a gap in it is a lost message. */
  readonly consumerSequence: number;
}

/**
 * Reads the reply subject of a delivered message (ADR-15 of the NATS project):
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>`, or with
 * `<domain>.<account>` before the stream and perhaps a token at the end. Null for any other subject.
 */
export function parseDeliverySubject(subject: string): DeliveryPosition | null {
  if (!subject.startsWith('$JS.ACK.')) return null;
  const tokens = subject.split('.');
  if (tokens.length < 9) return null;
  const at = tokens.length === 9 ? 5 : 7;
  const position = { streamSequence: Number(tokens[at]), consumerSequence: Number(tokens[at + 1]) };
  return Number.isSafeInteger(position.streamSequence) && Number.isSafeInteger(position.consumerSequence)
    ? position
    : null;
}
