import type { Msg } from '@nats-io/transport-node';
import { type ApiRefusal, meaningOf, type RefusalMeaning } from '../../broker/api-codes.js';

/**
 * What the broker said to a write.
 * - `stored`: durable; `sequence` is that of its last message.
 * - `duplicate`: a single message whose id is known; it lies at `sequence`.
 * - `refused`: nothing of it was stored.
 * - `silence`: no answer, so nothing is known.
 */
export type WriteAnswer =
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'duplicate'; readonly sequence: number }
  | WriteRefused
  | { readonly kind: 'silence'; readonly reason: string };

export interface WriteRefused {
  readonly kind: 'refused';
  /** The JetStream error code; 0 where the answer is not the stream's. */
  readonly code: number;
  readonly meaning: RefusalMeaning;
  readonly reason: string;
}

interface PubAck {
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly err_code?: number; readonly code?: number; readonly description?: string };
}

/** Where nobody listens on the stream's subjects, the server itself answers with this status. */
const NO_RESPONDERS = 503;

export function writeAnswer(message: Msg): WriteAnswer {
  if (message.headers?.code === NO_RESPONDERS) {
    return { kind: 'refused', code: 0, meaning: 'again', reason: 'the stream has no leader, or is missing' };
  }
  const ack = parse(message);
  if (ack === null) return { kind: 'silence', reason: 'the answer is not a PubAck' };
  if (ack.error !== undefined) return refused(ack.error);
  if (ack.seq === undefined) return { kind: 'silence', reason: 'the answer has no sequence' };
  return { kind: ack.duplicate === true ? 'duplicate' : 'stored', sequence: ack.seq };
}

function parse(message: Msg): PubAck | null {
  try {
    return message.json<PubAck>();
  } catch {
    return null;
  }
}

function refused(error: NonNullable<PubAck['error']>): WriteAnswer {
  const refusal: ApiRefusal = {
    code: error.err_code ?? 0,
    status: error.code ?? 500,
    description: error.description ?? '',
  };
  return {
    kind: 'refused',
    code: refusal.code,
    meaning: meaningOf(refusal),
    reason: `${refusal.description} (${refusal.code})`,
  };
}
