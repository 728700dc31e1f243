/** An event that the log still holds. */
export interface QueuedErasure {
  readonly sequence: number;
  /** Null for an event of the conversation's own. */
  readonly messageId: string | null;
}

/** Sequences to erase, those of `first` before any of `last`. */
export interface ErasingOrder {
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/**
 * The beginning of each life (a message's reception, the conversation's creation) goes last: a rebuild that comes in
 * between, or after a crash, must not meet an event of which the beginning is gone. The log erases by records, so what
 * lies in one record with a beginning goes last with it.
 *
 * @param recordOf which record of the log holds the event at a sequence
 */
export function erasingOrder(
  queued: readonly QueuedErasure[],
  recordOf: (sequence: number) => number,
): ErasingOrder {
  const beginnings = new Map<string | null, number>();
  for (const { messageId, sequence } of queued) {
    beginnings.set(messageId, Math.min(sequence, beginnings.get(messageId) ?? sequence));
  }
  const records = new Set([...beginnings.values()].map(recordOf));
  const isLast = ({ sequence }: QueuedErasure) => records.has(recordOf(sequence));
  const sequences = (some: readonly QueuedErasure[]) => some.map(({ sequence }) => sequence);
  return {
    first: sequences(queued.filter((one) => !isLast(one))),
    last: sequences(queued.filter(isLast)),
  };
}
