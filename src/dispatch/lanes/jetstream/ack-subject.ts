/** What the reply subject of a delivered message says of its delivery. */
export interface DeliveryInfo {
  readonly sequence: number;
  /** From 1. */
  readonly delivery: number;
}

/**
 * Reads the reply subject that the server gives each message of a consumer with explicit acks:
 * `$JS.ACK.<stream>.<consumer>.<delivery>.<stream sequence>.<consumer sequence>.<time>.<pending>`, since 2.15 also
 * `$JS.ACK.<domain>.<account>.<stream>...<pending>[.<random>]` (ADR-15 of the NATS project).
 *
 * @throws for any other subject: the message did not come from a consumer
 */
export function parseAckSubject(reply: string): DeliveryInfo {
  const tokens = reply.split('.');
  const first = tokens.length === 9 ? 4 : 6;
  const delivery = Number(tokens[first]);
  const sequence = Number(tokens[first + 1]);
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || !(delivery >= 1) || !(sequence >= 1)) {
    throw new Error(`Not the reply subject of a consumer's message: ${JSON.stringify(reply)}`);
  }
  return { sequence, delivery };
}
