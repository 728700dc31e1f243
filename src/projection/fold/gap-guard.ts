import type { EventLog, StoredEvent } from '../../log/event-log.port.js';
import type { ExplainedGaps } from '../../log/explained-gaps.js';
import { streamSequenceOf } from '../../log/log-position.js';
import { gapBetween, type RecordRange } from '../../log/record-ranges.policy.js';
import { LogDamagedError } from '../agreement/log-damage.errors.js';
import { damageText } from '../agreement/log-damage.words.js';

/** @throws {LogDamagedError} for a gap behind which nothing may be folded */
export type PassGap = (gap: RecordRange) => Promise<void>;

/**
 * Lets nothing behind a gap through before `pass` has seen it. The broker may count a record that it can't read: what it
 * then leaves out is found here and nowhere else.
 */
export async function* withGapsSeen(
  source: AsyncIterable<readonly StoredEvent[]>,
  fromSequence: number,
  pass: PassGap,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  let lastRecord = streamSequenceOf(fromSequence);
  for await (const batch of source) {
    let sent = 0;
    for (const [at, { sequence }] of batch.entries()) {
      const record = streamSequenceOf(sequence);
      const gap = gapBetween(lastRecord, record);
      lastRecord = record;
      if (gap === null) continue;
      if (at > sent) yield batch.slice(sent, at);
      sent = at;
      await pass(gap);
    }
    yield sent === 0 ? batch : batch.slice(sent);
  }
}

/** @throws {LogDamagedError} for a gap that the log itself does not explain */
export async function passExplained(
  gaps: ExplainedGaps,
  log: EventLog,
  gap: RecordRange,
  signal: AbortSignal,
): Promise<void> {
  if (gaps.unexplainedIn(gap).length === 0) return;
  await gaps.refresh(log, signal);
  const ranges = gaps.unexplainedIn(gap);
  if (ranges.length === 0) return;
  // What explains the gap may not be read yet.
  signal.throwIfAborted();
  throw new LogDamagedError(damageText({ kind: 'records_missing', ranges }));
}
