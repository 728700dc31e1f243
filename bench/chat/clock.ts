/** Milliseconds of a clock that the processes of one machine share, with parts of a millisecond. */
export function sharedClockMs(): number {
  return performance.timeOrigin + performance.now();
}
