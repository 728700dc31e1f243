import {
  type EndpointSignal,
  isKnown,
  type Signal,
  type SignalName,
  type Signals,
} from './signals.policy.js';

const FROM_TABLES = ['oldest', 'ended', 'attempts', 'webhooks'] as const satisfies readonly SignalName[];

/**
 * Takes out what may have been so once: figures of tables that are not where the log is, and the health of endpoints that
 * nobody calls or checks. What is taken out is unknown, so that no advice rests on it.
 */
export function currentSignals(signals: Signals): Signals {
  const stale = staleTables(signals);
  const tables = Object.fromEntries(
    FROM_TABLES.map((name) => [
      name,
      stale === null || !isKnown<unknown>(signals[name]) ? signals[name] : stale,
    ]),
  ) as Pick<Signals, (typeof FROM_TABLES)[number]>;
  return {
    ...signals,
    ...tables,
    oldest: oldestOf(signals, tables.oldest),
    endpoints: endpointsOf(signals),
  };
}

function staleTables({ tables }: Signals): { readonly unknown: string } | null {
  if (!isKnown(tables)) return { unknown: 'it comes from the tables, and how old they are is not known' };
  if (!tables.value.answers) return { unknown: 'it comes from the tables, and PostgreSQL does not answer' };
  const { caughtUp, stop, lostRecords } = tables.value;
  const isCurrent = caughtUp && stop === null && lostRecords === 0;
  return isCurrent ? null : { unknown: 'it comes from the tables, and they are behind the log' };
}

/** The leader of the schedulers reads the same from the broker. */
function oldestOf({ scheduler }: Signals, told: Signals['oldest']): Signals['oldest'] {
  if (isKnown(told) || !isKnown(scheduler) || scheduler.value === null) return told;
  const { oldestSeconds } = scheduler.value;
  return Object.values(oldestSeconds).includes(null) ? told : { value: oldestSeconds };
}

function endpointsOf({ workers, endpoints }: Signals): Signal<readonly EndpointSignal[]> {
  if (!isKnown(endpoints)) return endpoints;
  if (isKnown(workers) && workers.value.count > 0) return endpoints;
  return { unknown: 'only workers call and check endpoints, and none is heard' };
}
