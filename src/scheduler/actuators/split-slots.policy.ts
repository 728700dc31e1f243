/** So many slots for each of these, as evenly as it goes. The first ones get what is left over, so the same order gives the same parts. */
export function splitSlots(total: number, workers: readonly string[]): ReadonlyMap<string, number> {
  const [least, over] = [Math.floor(total / workers.length), total % workers.length];
  return new Map(workers.map((worker, at) => [worker, at < over ? least + 1 : least]));
}
