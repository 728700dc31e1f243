import { readFileSync } from 'node:fs';

/** Linux counts the time that a thread has run, in nanoseconds; what others do on the machine is not in it. */
const RUN_TIME = `/proc/self/task/${process.pid}/schedstat`;
const LOOK_EVERY_MS = 5;

function nowMs(): number {
  try {
    return Number(readFileSync(RUN_TIME, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return performance.now();
  }
}

/** The longest time in milliseconds for which this thread ran without letting anything else be served. */
export async function longestStallMs(during: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = nowMs();
  const look = () => {
    const now = nowMs();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  try {
    await during();
    // What was scheduled behind the answer counts too.
    await new Promise((resolve) => setTimeout(resolve, 2 * LOOK_EVERY_MS));
    look();
  } finally {
    clearInterval(timer);
  }
  return longest;
}

/** What the fastest try of `slowness` needs on the machine that the bounds of tests were set on. */
const USUAL_MS = 17;

/** How many times slower this machine runs a thread now than the one that the bounds of tests were set on; 1 where it is faster. */
export function slowness(): number {
  const text = `[${'1,'.repeat(1_000_000)}1]`;
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 7; tries += 1) {
    const before = nowMs();
    JSON.parse(text);
    least = Math.min(least, nowMs() - before);
  }
  return Math.max(1, least / USUAL_MS);
}
