/** Over how long the frames of a client are counted: it may send those of this time at once. */
const SPAN_S = 10;

/** What a client may still send: it fills up by the rate, and each frame takes one. */
export interface Allowance {
  readonly frames: number;
  readonly atMs: number;
}

export function fullAllowance(perSecond: number, nowMs: number): Allowance {
  return { frames: perSecond * SPAN_S, atMs: nowMs };
}

/** What is left after one more frame; null where the client has sent too many. */
export function afterFrame(allowance: Allowance, perSecond: number, nowMs: number): Allowance | null {
  const gained = (Math.max(0, nowMs - allowance.atMs) / 1_000) * perSecond;
  const frames = Math.min(perSecond * SPAN_S, allowance.frames + gained) - 1;
  return frames < 0 ? null : { frames, atMs: nowMs };
}
