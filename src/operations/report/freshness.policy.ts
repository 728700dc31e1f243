import { counted, type Finding, guide } from './finding.policy.js';
import { isKnown, type Signals, type TablesSignal } from './signals.policy.js';

const IN_FRESHNESS = { question: 'freshness', name: null } as const;

/** Is what we see current? At most one answer: what stands can't be behind as well. */
export function freshnessFindings({ tables }: Signals): Finding[] {
  if (!isKnown(tables)) return [];
  if (!tables.value.answers) {
    return [
      {
        ...{ ...IN_FRESHNESS, code: 'tables_silent', severity: 'critical' },
        text: 'PostgreSQL does not answer, so that nothing can be read.',
        evidence: { error: tables.value.error },
        action: guide('ownServers', 'See whether PostgreSQL runs and can be reached.'),
      },
    ];
  }
  return behindFindings(tables.value);
}

function behindFindings({ lag, caughtUp, moved, stop, lostRecords }: TablesSignal): Finding[] {
  if (lostRecords > 0) {
    return [
      {
        ...{ ...IN_FRESHNESS, code: 'log_lost_records', severity: 'critical' },
        text: `The log has lost ${counted(lostRecords, 'record')}, and the projection has stopped there.`,
        evidence: { lost_records: lostRecords, lag, said: stop },
        action: guide('lostRecords', 'Stop the service, and keep a copy of what is there.'),
      },
    ];
  }
  if (stop !== null) {
    return [
      {
        ...{ ...IN_FRESHNESS, code: 'projection_stopped', severity: 'critical' },
        text: `The projection has stopped, up to ${counted(lag, 'event')} behind the log.`,
        evidence: { lag, said: stop },
        action: guide('projectionStops', 'See what it stopped at.'),
      },
    ];
  }
  if (caughtUp) return [];
  return [
    {
      ...{ ...IN_FRESHNESS, code: moved ? 'projection_behind' : 'projection_stands' },
      severity: moved ? 'warning' : 'critical',
      text: moved
        ? `What is read is up to ${counted(lag, 'event')} behind the log.`
        : `What is read is up to ${counted(lag, 'event')} behind the log, and came no further while it was watched.`,
      evidence: { lag },
      action: guide('projectionStops', 'See whether a process with the role projector runs, and keeps up.'),
    },
  ];
}
