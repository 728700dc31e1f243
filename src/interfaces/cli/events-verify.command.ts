import { SingleBar } from 'cli-progress';
import { isBroken, RULES, type Rule } from '../../operations/verify/findings.policy.js';
import { type VerifyReport, verifyLog } from '../../operations/verify/verify-log.js';
import { PROJECTION_WAIT_MS, type Stores } from './stores.js';
import { table } from './table.policy.js';

export interface VerifyCommandOptions {
  readonly json?: boolean;
}

/** @returns the exit code: 1 when a rule is broken */
export async function verifyEvents(
  stores: Stores,
  options: VerifyCommandOptions,
  signal: AbortSignal,
): Promise<number> {
  const progress = progressOn(process.stderr);
  let report: VerifyReport;
  try {
    const { log, index, projected } = stores;
    report = await verifyLog({
      ...{ log, index, projected, signal, projectionWaitMs: PROJECTION_WAIT_MS },
      onProgress: progress.show,
    });
  } finally {
    progress.end();
  }
  process.stdout.write(
    options.json ? `${JSON.stringify(reportJson(report), null, 2)}\n` : reportText(report),
  );
  return report.ok ? 0 : 1;
}

function progressOn(output: NodeJS.WriteStream) {
  if (!output.isTTY) return { show: () => undefined, end: () => undefined };
  const format =
    'Checking the log [{bar}] {percentage}% | sequence {value} of {total} | {eta_formatted} left';
  const bar = new SingleBar({ format, stream: output, hideCursor: true, etaBuffer: 50 });
  let started = false;
  return {
    show: (sequence: number, target: number) => {
      if (!started) bar.start(target, sequence);
      started = true;
      bar.update(sequence);
    },
    end: () => bar.stop(),
  };
}

export function reportJson(report: VerifyReport): Record<string, unknown> {
  return {
    ok: report.ok,
    events: report.events,
    messages: report.messages,
    last_sequence: report.lastSequence,
    compared_up_to: report.comparedUpTo,
    counts: report.counts,
    findings: report.findings.map((finding) => ({ ...finding, broken: isBroken(finding) })),
  };
}

export function reportText(report: VerifyReport): string {
  const checked = `${report.events} events of ${report.messages} messages up to sequence ${report.lastSequence}, PostgreSQL compared up to ${report.comparedUpTo}.\n`;
  const verdict = report.ok ? 'No rule is broken.\n' : 'Rules are broken.\n';
  const counts = Object.entries(report.counts) as [Rule, number][];
  if (counts.length === 0) return checked + verdict;
  const summary = table([
    ['rule', 'is', 'count', 'meaning'],
    ...counts.map(([rule, count]) => [
      rule,
      isBroken({ rule }) ? 'broken' : 'note',
      String(count),
      RULES[rule],
    ]),
  ]);
  const details = table([
    ['rule', 'sequence', 'subject', 'detail'],
    ...report.findings.map(({ rule, sequence, subject, detail }) => [
      ...[rule, sequence === null ? '-' : String(sequence), subject ?? '-', detail],
    ]),
  ]);
  return [checked, summary, details, verdict].join('\n');
}
