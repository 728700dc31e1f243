import fc from 'fast-check';
import type { RegisteredEndpoint } from '../../../domain/admin/endpoint.events.js';
import { cloudEvent } from '../../../domain/cloud-event.events.js';
import { CATALOG_EVENTS, type CatalogEvent, type EndpointCatalog, folded } from './endpoint-catalog.state.js';

const endpoint: RegisteredEndpoint = {
  ...{ name: 'one', base_url: 'http://127.0.0.1:1/v1', models: [], max_concurrency: 8, weight: 1 },
  ...{ group: 'primary', rpm: null, tpm: null, first_token_timeout_ms: null, idle_timeout_ms: null },
  ...{ stream: 'auto', include_usage: 'auto', headers: {}, api_key_env: null },
};
const DATA = { endpoint, tuning: { weight: 2 }, reason: 'why' };

function event(type: CatalogEvent['type'], subject: string, by: string, minute = 0): CatalogEvent {
  const now = `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000Z`;
  const about = { subject, tenant: 'default', now, newId: () => 'id' };
  return cloudEvent(about, type, { ...DATA, endpoint: { ...endpoint, name: subject }, by }) as CatalogEvent;
}

const anyEvent = fc
  .tuple(fc.constantFrom(...CATALOG_EVENTS), fc.constantFrom('one', 'two'), fc.constantFrom('ann', 'bob'))
  .map(([type, subject, by]) => event(type, subject, by));
const after = (events: readonly CatalogEvent[]) => events.reduce<EndpointCatalog>(folded, new Map());

describe('the catalog of endpoints', () => {
  it('knows of an endpoint what was said since it was removed last, and nothing of the others', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), (events) => {
        const own = events.filter(({ subject }) => subject === 'one');
        const removed = own.findLastIndex(({ type }) => type === 'llmq.admin.endpoint-removed.v1');
        expect(after(events).get('one')).toEqual(after(own.slice(removed + 1)).get('one'));
      }),
    );
  });

  it('names who changed it last, and who drained it first', () => {
    const events = [
      event('llmq.admin.endpoint-set.v1', 'one', 'ann', 0),
      event('llmq.admin.endpoint-drained.v1', 'one', 'bob', 1),
      event('llmq.admin.endpoint-drained.v1', 'one', 'ann', 2),
    ];
    expect(after(events).get('one')).toMatchObject({
      drained: { since: '2026-01-01T00:01:00.000Z', by: 'bob', reason: 'why' },
      changed: { by: 'ann', at: '2026-01-01T00:02:00.000Z' },
    });
  });

  it('keeps an endpoint drained when it is changed', () => {
    const events = [
      event('llmq.admin.endpoint-set.v1', 'one', 'ann'),
      event('llmq.admin.endpoint-drained.v1', 'one', 'ann'),
      event('llmq.admin.endpoint-set.v1', 'one', 'ann'),
    ];
    expect(after(events).get('one')?.drained).not.toBeNull();
    expect(
      after([...events, event('llmq.admin.endpoint-undrained.v1', 'one', 'ann')]).get('one'),
    ).toMatchObject({
      ...{ drained: null, endpoint: { name: 'one' } },
    });
  });
});
