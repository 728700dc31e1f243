import type { AdminEvent } from '../../../domain/admin/admin.events.js';
import type { EndpointTuning, RegisteredEndpoint } from '../../../domain/admin/endpoint.events.js';
import { assertNever } from '../../../domain/assert-never.js';

export const CATALOG_EVENTS = [
  'llmq.admin.endpoint-set.v1',
  'llmq.admin.endpoint-tuned.v1',
  'llmq.admin.endpoint-removed.v1',
  'llmq.admin.endpoint-drained.v1',
  'llmq.admin.endpoint-undrained.v1',
] as const;
export type CatalogEvent = Extract<AdminEvent, { type: (typeof CATALOG_EVENTS)[number] }>;

/** What admins said of one endpoint. */
export interface CatalogEntry {
  /** Null where they only changed one that the configuration file names. */
  readonly endpoint: RegisteredEndpoint | null;
  readonly tuning: EndpointTuning;
  readonly drained: { readonly since: string; readonly by: string; readonly reason: string } | null;
  readonly changed: { readonly by: string; readonly at: string };
}

/** By name. Folded from the log, so it is the same in every process. */
export type EndpointCatalog = ReadonlyMap<string, CatalogEntry>;

/** The last word counts, as with two admins who change the same endpoint at the same moment. */
export function folded(catalog: EndpointCatalog, event: CatalogEvent): EndpointCatalog {
  const next = new Map(catalog);
  const { subject: name, time } = event;
  if (event.type === 'llmq.admin.endpoint-removed.v1') {
    next.delete(name);
    return next;
  }
  next.set(name, { ...after(catalog.get(name), event), changed: { by: event.data.by, at: time } });
  return next;
}

function after(
  { endpoint = null, tuning = {}, drained = null }: Partial<CatalogEntry> = {},
  event: Exclude<CatalogEvent, { type: 'llmq.admin.endpoint-removed.v1' }>,
): Omit<CatalogEntry, 'changed'> {
  switch (event.type) {
    case 'llmq.admin.endpoint-set.v1':
      return { endpoint: event.data.endpoint, tuning, drained };
    case 'llmq.admin.endpoint-tuned.v1':
      return { endpoint, tuning: event.data.tuning, drained };
    case 'llmq.admin.endpoint-drained.v1': {
      const { by, reason } = event.data;
      // Who drained it first is who is to be asked.
      return { endpoint, tuning, drained: drained ?? { since: event.time, by, reason } };
    }
    case 'llmq.admin.endpoint-undrained.v1':
      return { endpoint, tuning, drained: null };
    default:
      return assertNever(event);
  }
}
