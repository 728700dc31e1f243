import { setTimeout as sleep } from 'node:timers/promises';
import { isUuid } from '../../domain/uuid.policy.js';
import { MalformedEventError } from '../../log/event-log.errors.js';
import type { EventLog, StoredEvent } from '../../log/event-log.port.js';
import { logDamage } from '../../projection/agreement/log-damage.policy.js';
import { damageText } from '../../projection/agreement/log-damage.words.js';
import type { EventIndex } from '../../projection/read/event-index.js';
import type { ProjectedMessages } from '../../projection/read/projected-messages.js';
import { lastEventUpTo, readEvents } from '../timeline/log-reads.js';
import { cut, type Finding, isBroken, type Rule } from './findings.policy.js';
import { LogCheck } from './log-check.js';
import { RowComparison } from './row-comparison.js';

export interface VerifyOptions {
  readonly log: EventLog;
  readonly index: EventIndex;
  readonly projected: ProjectedMessages;
  readonly signal: AbortSignal;
  readonly onProgress: (sequence: number, target: number) => void;
  /** How long to wait for the projection to reach the log's end, in milliseconds. */
  readonly projectionWaitMs: number;
}

export interface VerifyReport {
  /** No rule is broken; notes may be there. */
  readonly ok: boolean;
  readonly events: number;
  readonly messages: number;
  /** The log's end as it was when the check began. */
  readonly lastSequence: number;
  /** As far as PostgreSQL was compared. */
  readonly comparedUpTo: number;
  readonly counts: Readonly<Partial<Record<Rule, number>>>;
  /** The first ones of each rule. */
  readonly findings: readonly Finding[];
}

const MAX_BATCH = 1_000;
const SHOWN_PER_RULE = 100;
const MAX_SUBJECT_LENGTH = 128;
const MAX_DETAIL_LENGTH = 1_000;
const MOST_EVENTS_RECALLED = 10_000;
const BETWEEN_LOOKS_MS = 100;
const HEARING_MS = 10_000;

/**
 * Reads the log from its beginning to its present end and reports every rule that is broken, in the log itself and
 * between it and PostgreSQL. It changes nothing, and the service may run meanwhile.
 *
 * @throws what `EventLog.read` and PostgreSQL throw, other than for malformed events, which are findings
 */
export async function verifyLog(options: VerifyOptions): Promise<VerifyReport> {
  const { log, projected } = options;
  const report = new Report();
  for (const finding of await anotherLog(log, projected)) report.found(finding);
  const { lastSequence } = await log.extent();
  const target = await lastEventUpTo(log, lastSequence);
  const applied = await reachedBy(options, target);
  const rows = new RowComparison(log, projected, applied, report.found);
  const check = new LogCheck({
    found: report.found,
    settled: (message) => rows.add(message),
    recall: (id, before) => recall(options, id, before),
    wasErased: async (id) => isUuid(id) && (await projected.wasErased(id)),
  });
  await walk(options, check, rows, target);
  if (check.lacks(lastSequence)) await hearOfErasures(options, check, target);
  check.end(lastSequence);
  await rows.compare();
  if (applied < target) report.found(behind(applied, target));
  else await rows.compareCounts(check, target, options.signal);
  return report.of(check, lastSequence, Math.min(applied, target));
}

/** Whether the tables were built from this log, and the log still holds all that they were built from. */
async function anotherLog(log: EventLog, projected: ProjectedMessages): Promise<Finding[]> {
  // Read before the log's end, which a whole log can only have moved further by then.
  const checkpoint = await projected.checkpoint();
  const { lastSequence } = await log.extent();
  const id = checkpoint.sequence === 0 ? null : await eventIdAt(log, checkpoint.sequence);
  const findings: Finding[] = [];
  for (const damage of logDamage({ lastSequence, unexplained: [], eventIdAt: () => id }, [checkpoint])) {
    if (damage.kind === 'records_missing') continue;
    const about = { sequence: checkpoint.sequence, subject: null };
    if (damage.kind === 'replaced') {
      findings.push({ rule: 'log_replaced', ...about, detail: damageText(damage) });
      continue;
    }
    const messages = await projected.receivedAfter(lastSequence);
    const detail = `${damageText(damage)}, with the reception of ${messages} messages that PostgreSQL has`;
    findings.push({ rule: 'log_end_lost', ...about, detail });
  }
  return findings;
}

/** Null where the place is empty, or holds what this version does not understand. */
async function eventIdAt(log: EventLog, sequence: number): Promise<string | null> {
  try {
    return (await log.get(sequence))?.event.id ?? null;
  } catch (error) {
    if (error instanceof MalformedEventError) return null;
    throw error;
  }
}

async function walk(
  { log, signal, onProgress }: VerifyOptions,
  check: LogCheck,
  rows: RowComparison,
  target: number,
): Promise<void> {
  const malformed = (sequence: number, why: string) => check.malformed(sequence, why);
  for await (const batch of eventsBetween(log, 1, target, signal, malformed)) {
    for (const stored of batch) if (stored.sequence <= target) await check.event(stored);
    await rows.whenMany();
    onProgress(Math.min(batch[batch.length - 1]!.sequence, target), target);
  }
  signal.throwIfAborted();
}

/** An erasure names its records before it deletes them. So the erasure that explains a gap is in the log by now. */
async function hearOfErasures({ log, signal }: VerifyOptions, check: LogCheck, from: number): Promise<void> {
  const end = await lastEventUpTo(log, await log.lastSequence());
  // The last event may be erased before it is read; then the reader would wait for ever.
  const within = AbortSignal.any([signal, AbortSignal.timeout(HEARING_MS)]);
  // A malformed event here is behind the part that is checked.
  for await (const batch of eventsBetween(log, from + 1, end, within, () => {})) {
    for (const { event } of batch) check.later(event);
  }
}

/** The last batch may go beyond `to`. A malformed event is reported, and reading goes on behind it. */
async function* eventsBetween(
  log: EventLog,
  from: number,
  to: number,
  signal: AbortSignal,
  malformed: (sequence: number, why: string) => void,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  for (let next = from; next <= to && !signal.aborted; ) {
    try {
      for await (const batch of log.read(next, { signal, maxBatch: MAX_BATCH })) {
        next = batch[batch.length - 1]!.sequence + 1;
        yield batch;
        if (next > to) return;
      }
    } catch (error) {
      if (!(error instanceof MalformedEventError) || error.sequence === null) throw error;
      malformed(error.sequence, error.message);
      next = error.sequence + 1;
    }
  }
}

async function reachedBy({ projected, projectionWaitMs }: VerifyOptions, target: number): Promise<number> {
  const deadline = performance.now() + projectionWaitMs;
  for (;;) {
    const applied = await projected.appliedSequence();
    if (applied >= target || performance.now() >= deadline) return applied;
    await sleep(BETWEEN_LOOKS_MS);
  }
}

async function recall({ index, log }: VerifyOptions, id: string, before: number): Promise<StoredEvent[]> {
  if (!isUuid(id)) return [];
  const sequences = await index.ofMessage(id, 0, MOST_EVENTS_RECALLED);
  return readEvents(
    log,
    sequences.filter((sequence) => sequence < before),
  );
}

function behind(applied: number, target: number): Finding {
  const detail = `the projection is at sequence ${applied}, the log's last event is at ${target}`;
  return { rule: 'projection_behind', sequence: applied, subject: null, detail };
}

/** Counts all findings and keeps the first of each rule. */
class Report {
  private readonly counts = new Map<Rule, number>();
  private readonly findings: Finding[] = [];

  readonly found = (finding: Finding): void => {
    const count = (this.counts.get(finding.rule) ?? 0) + 1;
    this.counts.set(finding.rule, count);
    if (count > SHOWN_PER_RULE) return;
    const { subject, detail } = finding;
    this.findings.push({
      ...finding,
      subject: subject === null ? null : cut(subject, MAX_SUBJECT_LENGTH),
      detail: cut(detail, MAX_DETAIL_LENGTH),
    });
  };

  of({ events, messages }: LogCheck, lastSequence: number, comparedUpTo: number): VerifyReport {
    const ok = [...this.counts.keys()].every((rule) => !isBroken({ rule }));
    const counts = Object.fromEntries(this.counts);
    return { ok, events, messages, lastSequence, comparedUpTo, counts, findings: this.findings };
  }
}
