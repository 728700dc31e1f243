/** Called about once a second. */
type Tick = () => void;

const TICK_MS = 1_000;
const ticks = new Set<Tick>();
let timer: NodeJS.Timeout | null = null;

/**
 * Calls the listener once a second, all listeners of the process from one timer: a worker has a pull for each lane of
 * each model. Returns the way to stop.
 */
export function everySecond(tick: Tick): () => void {
  ticks.add(tick);
  timer ??= setInterval(() => {
    for (const each of ticks) each();
  }, TICK_MS);
  return () => {
    ticks.delete(tick);
    if (ticks.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}
