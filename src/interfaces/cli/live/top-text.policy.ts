import { type EndpointRow, endpointsText } from '../endpoints/endpoints-text.policy.js';
import { lanesText, type ToldLanes } from './lanes-text.policy.js';

/** What is looked at together. */
export interface Reading {
  readonly at: string;
  readonly lanes: ToldLanes;
  /** Null for a key that may not see them. */
  readonly endpoints: readonly EndpointRow[] | null;
}

export function topText({ at, lanes, endpoints }: Reading, service: string): string {
  const sum = (of: 'waiting' | 'running') => lanes.data.reduce((total, lane) => total + (lane[of] ?? 0), 0);
  const heading = `${service}  ${at.slice(11, 19)} UTC  workers ${lanes.workers}  waiting ${sum('waiting')}  running ${sum('running')}`;
  const shown =
    endpoints === null ? 'Endpoints are shown to the key of an operator.\n' : endpointsText(endpoints);
  return `${heading}\n\n${lanesText(lanes.data)}\n${shown}`;
}

/** As much of a text as a terminal of this size shows without scrolling. It holds no colours: what is cut would leave them on. */
export function fitted(text: string, columns: number, rows: number): string[] {
  const lines = text
    .replace(/\n$/, '')
    .split('\n')
    .slice(0, Math.max(1, rows - 1));
  return lines.map((line) => line.slice(0, columns));
}
