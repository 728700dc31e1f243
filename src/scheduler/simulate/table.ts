import type { StepReport } from './load-step.js';
import type { PolicyReport } from './report.js';

export interface Row {
  readonly report: PolicyReport;
  /** Null for what doesn't react to load. */
  readonly step: StepReport | null;
}

/** The reports of several policies in columns, for people. */
export function tableOf(rows: readonly Row[]): string {
  const reference = rows.find(({ report }) => report.policy === 'static-peak')?.report.slotHours ?? null;
  const cells = [
    [
      ...['policy', 'slot-hours', 'of static', 'met', 'realtime', 'high', 'normal', 'low'],
      ...['longest wait', 'changes', 'flaps', 'steps up', 'over', 'steps down'],
    ],
    ...rows.map(({ report, step }) => [
      report.policy,
      report.slotHours.toFixed(1),
      reference === null ? '-' : (report.slotHours / reference).toFixed(2),
      ...(['all', 'realtime', 'high', 'normal', 'low'] as const).map((lane) =>
        percent(report.attainment[lane]),
      ),
      `${report.longestWaitSeconds.all.toFixed(0)} s`,
      round(report.changes),
      round(report.flaps),
      step === null ? '-' : followed(step.changesUp, step.secondsUp),
      step === null ? '-' : step.overshoot.toFixed(1),
      step === null ? '-' : followed(step.changesDown, step.secondsDown),
    ]),
  ];
  const widths = cells[0]!.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)));
  return cells
    .map((row) =>
      row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  '),
    )
    .join('\n');
}

function percent(share: number | null): string {
  return share === null ? '-' : `${(share * 100).toFixed(1)} %`;
}

function followed(changes: number | null, seconds: number | null): string {
  return changes === null || seconds === null ? 'never' : `${changes} (${seconds.toFixed(0)} s)`;
}

function round(count: number): string {
  return String(Math.round(count * 10) / 10);
}
