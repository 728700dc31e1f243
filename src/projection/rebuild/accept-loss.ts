import type { AdminEvent, AdminEventData } from '../../domain/admin/admin.events.js';
import { cloudEvent } from '../../domain/cloud-event.events.js';
import type { EventLog } from '../../log/event-log.port.js';
import { positionOf } from '../../log/log-position.js';
import type { RecordRange } from '../../log/record-ranges.policy.js';
import type { Sources } from '../../platform/clock.js';
import { type LogDamage } from '../agreement/log-damage.policy.js';
import { damageText } from '../agreement/log-damage.words.js';

type Accepted = AdminEventData['llmq.admin.log-loss-accepted.v1'];

const BY = 'projections:rebuild --force';
/** Ranges of one event, so that it stays far below what the broker takes in one message. */
const RANGES_AT_ONCE = 10_000;

/** The log has lost what the tables may still know. To rebuild them would be the end of it. */
export class RebuildRefusedError extends Error {
  readonly code = 'rebuild_refused';
  constructor(damage: readonly LogDamage[]) {
    super(
      `The tables would lose what only they still know: ${damage.map(damageText).join('; ')}. Put the right log back, or restore a back-up ("npm run llmq -- restore"). To go on with this log, first run "npm run llmq -- events salvage", which writes down the requests of lost messages, then "npm run projections:rebuild -- --force".`,
    );
  }
}

/** Writes into the log itself that a person goes on without what is lost, so that the projection does, too. */
export async function acceptLoss(
  log: EventLog,
  damage: readonly LogDamage[],
  { newId, nowMs }: Pick<Sources, 'newId' | 'nowMs'>,
): Promise<void> {
  const ranges = damage.flatMap((one) => (one.kind === 'records_missing' ? one.ranges : []));
  const end = endOf(damage, await log.lastSequence());
  for (let from = 0; from === 0 || from < ranges.length; from += RANGES_AT_ONCE) {
    const sequences = ranges.slice(from, from + RANGES_AT_ONCE).map(sequencesOf);
    const about = { subject: 'log', tenant: 'default', now: new Date(nowMs()).toISOString(), newId };
    const event = cloudEvent(about, 'llmq.admin.log-loss-accepted.v1', { sequences, ...end, by: BY });
    await log.append([event as AdminEvent]);
  }
}

function sequencesOf({ from, to }: RecordRange): [number, number] {
  return [positionOf(from, 1), positionOf(to)];
}

function endOf(
  damage: readonly LogDamage[],
  lastSequence: number,
): Pick<Accepted, 'tables_up_to' | 'log_ended_at'> {
  for (const one of damage) {
    if (one.kind === 'end_lost') return { tables_up_to: one.knownUpTo, log_ended_at: one.endsAt };
    if (one.kind === 'replaced') return { tables_up_to: one.sequence, log_ended_at: lastSequence };
  }
  return { tables_up_to: null, log_ended_at: lastSequence };
}
