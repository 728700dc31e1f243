import type { EventLog } from '../../log/event-log.port.js';
import type { ProjectedMessages, ProjectedRequest } from '../../projection/read/projected-messages.js';
import { readEvents } from '../timeline/log-reads.js';

const PAGE = 1_000;

export interface LostRequest extends ProjectedRequest {
  /** Whether the log still holds the beginning of its conversation. */
  readonly conversationKept: boolean;
  /** Whether the log still holds its reception: then only its end is lost, and no lane delivers it again. */
  readonly received: boolean;
}

/**
 * Messages that PostgreSQL knows and whose reception, or end, is not in the log where it should be. Every message is
 * looked up: a log that was replaced holds other events at the same places.
 */
export async function* lostMessages(
  log: EventLog,
  projected: ProjectedMessages,
  signal: AbortSignal,
): AsyncGenerator<readonly LostRequest[], void, undefined> {
  let after: string | null = null;
  do {
    signal.throwIfAborted();
    const page = await projected.receptions(after, Number.MAX_SAFE_INTEGER, PAGE);
    const unreceived = await missingIn(log, page);
    const endless = await missingIn(log, await ends(projected, page, new Set(unreceived)));
    const requests = await projected.requests([...unreceived, ...endless]);
    if (requests.length > 0) yield await withConversations(log, projected, requests, new Set(endless));
    after = page.length < PAGE ? null : page[page.length - 1]!.id;
  } while (after !== null);
}

interface Place {
  readonly id: string;
  readonly sequence: number;
}

/** Where the ends lie of those that were received and have ended. */
async function ends(
  projected: ProjectedMessages,
  page: readonly Place[],
  unreceived: ReadonlySet<string>,
): Promise<Place[]> {
  const received = page.flatMap(({ id }) => (unreceived.has(id) ? [] : [id]));
  const states = await projected.states(received);
  return [...states.values()].flatMap(({ id, terminalSequence }) =>
    terminalSequence === null ? [] : [{ id, sequence: terminalSequence }],
  );
}

/** Those of which no event lies at this place. */
async function missingIn(log: EventLog, page: readonly Place[]): Promise<string[]> {
  const stored = await readEvents(
    log,
    page.map(({ sequence }) => sequence),
  );
  const found = new Set(stored.map(({ event }) => event.subject));
  return page.flatMap(({ id }) => (found.has(id) ? [] : [id]));
}

async function withConversations(
  log: EventLog,
  projected: ProjectedMessages,
  requests: readonly ProjectedRequest[],
  received: ReadonlySet<string>,
): Promise<LostRequest[]> {
  const named = new Set(requests.flatMap(({ conversationId }) => conversationId ?? []));
  const beginnings = await projected.conversationBeginnings([...named]);
  const stored = await readEvents(log, [...beginnings.values()]);
  const kept = new Set(stored.map(({ event }) => event.subject));
  return requests.map((request) => ({
    ...request,
    received: received.has(request.id),
    conversationKept: request.conversationId !== null && kept.has(request.conversationId),
  }));
}
