/** What counts of an append that waits. */
export interface Waiting {
  readonly messages: { readonly length: number };
  readonly bytes: number;
}

export interface GroupLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** How many of the waiting appends, from the oldest, form the next batch. At least one: an append is never cut. */
export function groupSize(waiting: readonly Waiting[], limits: GroupLimits): number {
  let messages = 0;
  let bytes = 0;
  for (const [index, part] of waiting.entries()) {
    messages += part.messages.length;
    bytes += part.bytes;
    if (index > 0 && (messages > limits.maxMessages || bytes > limits.maxBytes)) return index;
  }
  return waiting.length;
}

/**
 * Whether the appends of a group are better written one by one: an atomic batch has a price of its own, whatever is in
 * it, so that it only pays for many. An append of several messages always needs one.
 */
export function goAlone(group: readonly Waiting[], atMost: number): boolean {
  return group.length <= atMost && group.every((part) => part.messages.length === 1);
}

export interface Load {
  /** On their way, of both kinds. */
  readonly batches: number;
  /** On their way, of the kind that asks. */
  readonly batchesOfKind: number;
  readonly waitingMessages: number;
  readonly waitingBytes: number;
}

export interface FlightLimits {
  readonly maxBatches: number;
  readonly worthMessages: number;
  readonly worthBytes: number;
}

/**
 * Whether to send the next batch now. An idle log sends at once. While a batch is on its way the next one leaves only
 * when it is large: the broker writes one after the other, and each costs it the same handful of fsyncs however small
 * it is, so that a small one sent early delays everything behind it.
 */
export function sendNow(load: Load, limits: FlightLimits): boolean {
  if (load.waitingMessages === 0) return false;
  if (load.batches >= limits.maxBatches) return false;
  if (load.batchesOfKind === 0) return true;
  return load.waitingMessages >= limits.worthMessages || load.waitingBytes >= limits.worthBytes;
}
