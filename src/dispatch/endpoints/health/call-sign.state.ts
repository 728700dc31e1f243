import type { NotNowReason } from '../../../domain/message/message.events.js';

/** How a call went, for what is known of its endpoint. */
export type CallSign =
  | { readonly kind: 'answered'; readonly firstTokenMs: number | null; readonly tokens: number | null }
  /** It was taken and failed. */
  | { readonly kind: 'failed'; readonly code: string; readonly stalled: boolean }
  /** It was not taken. */
  | { readonly kind: 'not_now'; readonly reason: NotNowReason; readonly retryAfterMs: number | null }
  /** The request is at fault. */
  | { readonly kind: 'rejected' };

/** A sign with what is needed to judge it, on the clock of the process that folds it. */
export interface HeardSign {
  readonly sign: CallSign;
  /** When the call began. A sign of a call from before a change says nothing about what followed it. */
  readonly beganMs: number;
}
