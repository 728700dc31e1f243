import type { EventLog } from '../../log/event-log.port.js';
import { ExplainedGaps } from '../../log/explained-gaps.js';
import type { RecordRange } from '../../log/record-ranges.policy.js';
import type { Checkpoint } from '../tables/checkpoint.js';
import { type LogDamage, logDamage } from './log-damage.policy.js';

/** While an erasure runs the number of missing records changes all the time; what they are costs the broker more. */
const BETWEEN_LISTS_MS = 5_000;
/** The list grows with all that was ever erased; of the time, a part like this may go into it. */
const SHARE_OF_TIME = 1 / 50;

/**
 * Holds the log against a checkpoint, again and again. A look costs two or three round trips to the broker; only where
 * the number of missing records has changed, the broker is asked which ones they are.
 */
export class LogComparison {
  readonly gaps = new ExplainedGaps();
  /** The log's end at the last look. */
  lastSequence = 0;
  private earlier: Checkpoint | null = null;
  private listed: { readonly missing: number; readonly at: number; readonly tookMs: number } | null = null;
  private unexplained: readonly RecordRange[] = [];

  constructor(private readonly log: EventLog) {}

  /**
   * @param checkpoint read before this call, so that a whole log can't end before it
   * @throws {LogUnavailableError} when the broker does not tell
   */
  async look(checkpoint: Checkpoint, signal: AbortSignal): Promise<readonly LogDamage[]> {
    const { lastSequence, missing } = await this.log.extent();
    this.lastSequence = lastSequence;
    await this.list(missing, signal);
    const known = [checkpoint, ...this.earlierOf(checkpoint)];
    const ids = new Map<number, string | null>();
    for (const { sequence } of known) ids.set(sequence, await this.eventIdAt(sequence));
    const eventIdAt = (sequence: number) => ids.get(sequence) ?? null;
    const damage = logDamage({ lastSequence, unexplained: this.unexplained, eventIdAt }, known);
    if (damage.length === 0) this.earlier = checkpoint;
    return damage;
  }

  /** Which records are missing, where their number is another one than at the last time. */
  private async list(missing: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    if (missing === this.listed?.missing) return;
    if (this.listed !== null) {
      const pauseMs = Math.max(BETWEEN_LISTS_MS, this.listed.tookMs / SHARE_OF_TIME);
      if (now - this.listed.at < pauseMs) return;
    }
    // Before what explains them is read: an erasure names its records before it takes them out.
    const records = missing === 0 ? [] : await this.log.missingRecords();
    await this.gaps.refresh(this.log, signal);
    // What explains them may not be read yet.
    signal.throwIfAborted();
    this.unexplained = this.gaps.unexplained(records);
    this.listed = { missing, at: now, tookMs: performance.now() - now };
  }

  /** A rebuild's tables may be behind the ones before. */
  private earlierOf({ generation, sequence }: Checkpoint): Checkpoint[] {
    const { earlier } = this;
    if (earlier === null || earlier.generation !== generation || earlier.sequence >= sequence) return [];
    return [earlier];
  }

  private async eventIdAt(sequence: number): Promise<string | null> {
    if (sequence === 0) return null;
    return (await this.log.get(sequence))?.event.id ?? null;
  }
}
