import type { StoredEvent } from '../../log/event-log.port.js';

/** One line of NDJSON: `{"sequence":7,"event":{...}}`, the event as CloudEvents writes it. */
export function eventLine({ sequence, event }: StoredEvent): string {
  return `${JSON.stringify({ sequence, event })}\n`;
}

/** The last line, which tells where to go on: `{"end":{"after":9}}`. */
export function endLine(after: number): string {
  return `${JSON.stringify({ end: { after } })}\n`;
}
