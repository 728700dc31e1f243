import { assertNever } from '../assert-never.js';
import type { MessageStatus } from '../message/message.state.js';

interface EarlierTurn {
  readonly messageId: string;
  readonly status: MessageStatus;
}

/**
 * - `go`: every earlier turn has ended.
 * - `behind`: that turn has to end first.
 * - `look_further`: nothing in these turns decides it; the turns before them do.
 */
export type TurnOrder =
  | { readonly kind: 'go' }
  | { readonly kind: 'behind'; readonly messageId: string }
  | { readonly kind: 'look_further' };

/**
 * Whether a turn may run, by the turns accepted before it. Only the newest of them that was not given up unheard counts:
 * a completed turn was itself let through by this rule, so that everything before it had ended. A turn that is requeued
 * counts as accepted where that lies in the log, so it is not before it any more.
 *
 * @param earlier newest first
 * @param more whether there may be turns before these
 */
export function turnOrder(earlier: readonly EarlierTurn[], more: boolean): TurnOrder {
  for (const { messageId, status } of earlier) {
    switch (status) {
      case 'completed':
        return { kind: 'go' };
      case 'pending':
      case 'scheduled':
      case 'processing':
        return { kind: 'behind', messageId };
      case 'failed':
      case 'cancelled':
      case 'expired':
        break;
      default:
        assertNever(status);
    }
  }
  return more ? { kind: 'look_further' } : { kind: 'go' };
}
