/** How a run went: how many messages in how many seconds. */
export interface LoopResult {
  readonly messages: number;
  readonly seconds: number;
  readonly perSecond: number;
}

/**
 * Runs `total` messages with never more than `inFlight` of them between submission and result: each of `inFlight`
 * clients submits its next message when the last one is done. Closed loops make two queues comparable: neither can
 * look faster by letting its backlog grow.
 */
export async function closedLoop(
  total: number,
  inFlight: number,
  one: (index: number) => Promise<void>,
): Promise<LoopResult> {
  let next = 0;
  const started = performance.now();
  const client = async () => {
    for (let index = next++; index < total; index = next++) await one(index);
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  const seconds = (performance.now() - started) / 1000;
  return { messages: total, seconds, perSecond: total / seconds };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that this part of all, 0 to 1, does not exceed. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)]!;
}
