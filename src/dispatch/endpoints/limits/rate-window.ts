/** An endpoint's minute, and what its clock and the way to it may stray. */
export const MINUTE_MS = 60_000;
const HELD_MS = MINUTE_MS + 500;
const SLICE_MS = 250;
/** At once after a pause: a tenth of a minute's units. */
const BURST = 0.1;
const IDLE_FACTOR = 4;

/**
 * The units of a minute that calls have used: each is held until a minute after its call began, so that no span of a
 * minute has more than the share, however it lies. Inside the minute they are let go evenly, with some at once.
 */
export class RateWindow {
  /** By the end of their slice of time, the oldest first. */
  private readonly slices: { readonly atMs: number; units: number }[] = [];
  private heldUnits = 0;
  /** What may be used at once; below nothing after a call that was larger than it looked. */
  private level: number | null = null;
  private levelAtMs = 0;

  /** Units that may be used now, of a share of so many in a minute. */
  room(share: number, nowMs: number): number {
    this.expire(nowMs);
    return Math.min(share - this.heldUnits, this.levelNow(share, nowMs));
  }

  /** Units held now: calls of the last minute. */
  held(nowMs: number): number {
    this.expire(nowMs);
    return this.heldUnits;
  }

  /** Units held, by the age of their calls in steps of so long. */
  ages(stepMs: number, nowMs: number): number[] {
    this.expire(nowMs);
    const ages = Array.from({ length: Math.ceil(MINUTE_MS / stepMs) }, () => 0);
    for (const { atMs, units } of this.slices) {
      const age = Math.min(ages.length - 1, Math.max(0, Math.floor((nowMs - atMs) / stepMs)));
      ages[age] = ages[age]! + units;
    }
    return ages;
  }

  /** @returns what `correct` needs */
  use(units: number, share: number, nowMs: number): number {
    const atMs = Math.ceil(nowMs / SLICE_MS) * SLICE_MS;
    this.level = this.levelNow(share, nowMs) - units;
    this.levelAtMs = nowMs;
    const last = this.slices.at(-1);
    if (last?.atMs === atMs) last.units += units;
    else this.slices.push({ atMs, units });
    this.heldUnits += units;
    return atMs;
  }

  /** It was more or less than was thought when it began. */
  correct(usedAtMs: number, more: number): void {
    const slice = this.slices.find(({ atMs }) => atMs === usedAtMs);
    if (slice === undefined) return;
    slice.units += more;
    this.heldUnits += more;
    if (this.level !== null) this.level -= more;
  }

  /** When `room` may be so much, by time alone. */
  nextMs(units: number, share: number, nowMs: number): number {
    if (share <= 0) return Number.POSITIVE_INFINITY;
    const lacking = Math.min(1, units) - this.levelNow(share, nowMs);
    const evenMs = lacking <= 0 ? nowMs : nowMs + Math.ceil((lacking / this.perMinute(share)) * MINUTE_MS);
    let heldMs = nowMs;
    let held = this.heldUnits;
    for (const slice of this.slices) {
      if (held + units <= share) break;
      held -= slice.units;
      heldMs = slice.atMs + HELD_MS;
    }
    return Math.max(evenMs, heldMs);
  }

  private levelNow(share: number, nowMs: number): number {
    const most = Math.max(1, share * BURST);
    if (this.level === null) return most;
    return Math.min(most, this.level + ((nowMs - this.levelAtMs) / MINUTE_MS) * this.perMinute(share));
  }

  /**
   * How fast the level rises. What is idle may be used within a quarter of a minute: else a share that was just received,
   * or that calls of others held before, would be used at a minute's pace though the minute has room for it.
   */
  private perMinute(share: number): number {
    return Math.max(share, IDLE_FACTOR * (share - this.heldUnits));
  }

  private expire(nowMs: number): void {
    let first = this.slices[0];
    while (first !== undefined && first.atMs + HELD_MS <= nowMs) {
      this.heldUnits -= first.units;
      this.slices.shift();
      first = this.slices[0];
    }
  }
}
