import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isTerminalStatus } from '../../../domain/message/message.state.js';
import { aboutMessage } from '../../../platform/logging/about-message.js';
import type { CancelMessage } from '../../../submission/cancel-message.js';
import type { MessageLookup } from '../../../submission/message-lookup.js';
import { RefusedError } from '../../../submission/refusal.js';
import type { Batch } from '../batch.state.js';
import { WITH_BATCH } from '../lines/result-line.policy.js';
import { callerOf, messageIdOf } from './line-windows.js';

const PAGE_LINES = 500;
const CANCELLED_AT_ONCE = 16;
const RETRY_MS = 500;

export interface WindDownParts {
  readonly lookup: Pick<MessageLookup, 'stored'>;
  readonly cancelMessage: Pick<CancelMessage, 'cancel'>;
  readonly logger: Logger;
}

/**
 * Cancels what is under way of a batch, whoever has submitted it: all messages of lines behind the mark that have not
 * ended. Nothing more is submitted by then.
 *
 * @throws the reason of the signal
 */
export async function windDown(parts: WindDownParts, batch: Batch, signal: AbortSignal): Promise<void> {
  const reason = WITH_BATCH[batch.status === 'cancelling' ? 'cancelled' : 'expired'];
  for (let from = batch.mark.line + 1; from <= batch.lastLine; from += PAGE_LINES) {
    const count = Math.min(PAGE_LINES, batch.lastLine - from + 1);
    const ids = Array.from({ length: count }, (_, at) => messageIdOf(batch, from + at));
    for (
      let open = await openOf(parts, ids, signal);
      open.length > 0;
      open = await openOf(parts, ids, signal)
    ) {
      for (let at = 0; at < open.length; at += CANCELLED_AT_ONCE) {
        signal.throwIfAborted();
        await Promise.all(
          open.slice(at, at + CANCELLED_AT_ONCE).map((id) => cancelOne(parts, batch, id, reason)),
        );
      }
    }
  }
}

async function cancelOne(
  { cancelMessage, logger }: WindDownParts,
  batch: Batch,
  id: string,
  reason: string,
): Promise<void> {
  try {
    await cancelMessage.cancel(callerOf(batch), id, reason);
  } catch (err) {
    // It has ended in the meantime, or is found again at the next look.
    logger.debug({ err, ...aboutMessage(id) }, 'a line of a batch was not cancelled');
  }
}

async function openOf(
  { lookup }: WindDownParts,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const states = await lookup.stored(ids);
      return [...states.values()].flatMap(({ id, status }) => (isTerminalStatus(status) ? [] : [id]));
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      await sleep(RETRY_MS, undefined, { signal });
    }
  }
}
