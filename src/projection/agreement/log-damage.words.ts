import { rangeText, streamSequenceOf } from '../../log/log-position.js';
import { countOf, type RecordRange } from '../../log/record-ranges.policy.js';
import type { LogDamage } from './log-damage.policy.js';

/** Records that are known to be lost. Of a log that was replaced nobody can count them. */
export function lostRecords(damage: readonly LogDamage[]): number {
  let records = 0;
  for (const one of damage) {
    if (one.kind === 'end_lost') records += countOf([behindTheEnd(one)]);
    if (one.kind === 'records_missing') records += countOf(one.ranges);
  }
  return records;
}

function behindTheEnd({ endsAt, knownUpTo }: Extract<LogDamage, { kind: 'end_lost' }>): RecordRange {
  return { from: streamSequenceOf(endsAt) + 1, to: streamSequenceOf(knownUpTo) };
}

const RANGES_NAMED = 5;

export function damageText(damage: LogDamage): string {
  switch (damage.kind) {
    case 'end_lost': {
      const lost = rangeText(behindTheEnd(damage));
      return `the log ends at sequence ${damage.endsAt}, the projection is at ${damage.knownUpTo}: it has lost ${lost}`;
    }
    case 'replaced':
      return `at sequence ${damage.sequence} it has event ${damage.found}, the projection was built with ${damage.known}`;
    case 'records_missing': {
      const named = damage.ranges.slice(0, RANGES_NAMED).map(rangeText).join(', ');
      const more = damage.ranges.length - RANGES_NAMED;
      return `the log has lost ${named}${more > 0 ? ` and ${more} more ranges` : ''}, and no erasure names them`;
    }
  }
}
