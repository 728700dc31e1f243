import type { CheckResult } from './health.state.js';

/**
 * What the status of `GET /health` or `GET /v1/models` says of a server; null: ask for the other one. A server that
 * refuses the question answers, so it may be tried.
 */
export function readStatus(status: number): CheckResult | null {
  if (status >= 200 && status <= 299) return 'up';
  if (status === 404 || status === 405 || status === 501) return null;
  return status >= 500 ? 'down' : 'unknown';
}

export interface CheckTimes {
  readonly atMs: number;
  readonly failures: number;
}

const IN_DOUBT_BASE_MS = 1_000;
const IN_DOUBT_CAP_MS = 5_000;
const SLOW_MS = 60_000;

/** When an endpoint is checked next: soon while a deployment of it is unhealthy, else now and then. */
export function nextCheckMs({ atMs, failures }: CheckTimes, isUnhealthy: boolean): number {
  if (!isUnhealthy) return atMs + SLOW_MS;
  return atMs + Math.min(IN_DOUBT_CAP_MS, IN_DOUBT_BASE_MS * 2 ** Math.min(failures, 10));
}
