import type { EventLog } from '../../log/event-log.port.js';
import type { ProjectedMessages, ProjectedRequest } from '../../projection/read/projected-messages.js';
import { readEvents } from '../timeline/log-reads.js';

const PAGE = 1_000;

export interface LostRequest extends ProjectedRequest {
  /** Whether the log still holds the beginning of its conversation. */
  readonly conversationKept: boolean;
}

/**
 * Messages that PostgreSQL knows and whose reception is not in the log where it should be. Every message is looked up: a
 * log that was replaced holds other events at the same places.
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
    const ids = await missingIn(log, page);
    if (ids.length > 0) yield await withConversations(log, projected, await projected.requests(ids));
    after = page.length < PAGE ? null : page[page.length - 1]!.id;
  } while (after !== null);
}

async function missingIn(
  log: EventLog,
  page: readonly { readonly id: string; readonly sequence: number }[],
): Promise<string[]> {
  const stored = await readEvents(
    log,
    page.map(({ sequence }) => sequence),
  );
  const received = new Set(stored.map(({ event }) => event.subject));
  return page.flatMap(({ id }) => (received.has(id) ? [] : [id]));
}

async function withConversations(
  log: EventLog,
  projected: ProjectedMessages,
  requests: readonly ProjectedRequest[],
): Promise<LostRequest[]> {
  const named = new Set(requests.flatMap(({ conversationId }) => conversationId ?? []));
  const beginnings = await projected.conversationBeginnings([...named]);
  const stored = await readEvents(log, [...beginnings.values()]);
  const kept = new Set(stored.map(({ event }) => event.subject));
  return requests.map((request) => ({
    ...request,
    conversationKept: request.conversationId !== null && kept.has(request.conversationId),
  }));
}
