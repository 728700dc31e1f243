import type { Lane } from '../../domain/message/message.events.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import type { ModelEndpoint } from '../endpoints/model-endpoint.port.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import { EndpointPlaces } from './endpoint-places.js';
import { SetAside } from './set-aside.js';
import type { Work } from './work.js';

function endpoint(name: string, models: string[], maxConcurrency = 1): ModelEndpoint {
  return {
    name,
    models,
    maxConcurrency,
    call: () => Promise.reject(new Error('not called')),
    close: async () => {},
  };
}

function work(sequence: number, model: string | null, lane: Lane = 'normal'): Work {
  const delivery = { lane, sequence } as LaneDelivery;
  return { delivery, request: { content: 'x', model, parameters: {} }, context: null };
}

function leased(places: EndpointPlaces, model: string | null) {
  const acquired = places.acquire(model);
  if (acquired.kind !== 'leased') throw new Error(`expected a lease, got ${acquired.kind}`);
  return acquired;
}

describe('EndpointPlaces', () => {
  it('remembers who is busy until a place is freed', () => {
    const places = new EndpointPlaces(new EndpointRegistry([endpoint('one', ['a']), endpoint('two', ['b'])]));
    let told = 0;
    places.onFree(() => {
      told += 1;
    });
    const lease = leased(places, null);
    expect(lease.model).toBe('a');
    expect([places.isBusy('a'), places.acquire('a').kind, places.isBusy(null)]).toEqual([
      false,
      'busy',
      true,
    ]);
    expect(places.noneFree).toBe(false);
    lease.release();
    expect([told, places.isBusy('a')]).toEqual([1, false]);
  });

  it('knows that no place is left once every endpoint was found busy', () => {
    const registry = new EndpointRegistry([endpoint('one', ['a', 'c']), endpoint('two', ['b', 'c'])]);
    const places = new EndpointPlaces(registry);
    leased(places, 'a');
    const last = leased(places, 'b');
    expect(places.noneFree).toBe(false);
    expect(places.acquire('c').kind).toBe('busy');
    expect(places.noneFree).toBe(true);
    last.release();
    expect(places.noneFree).toBe(false);
  });

  it('does not take an unknown model for a busy one', () => {
    const places = new EndpointPlaces(new EndpointRegistry([endpoint('one', ['a'])]));
    expect(places.acquire('z').kind).toBe('unknown_model');
    expect([places.isBusy('z'), places.noneFree]).toEqual([false, false]);
  });
});

describe('SetAside', () => {
  const registry = new EndpointRegistry([endpoint('one', ['a']), endpoint('two', ['b'])]);

  it('gives out the first in the log whose model may have a place', () => {
    const places = new EndpointPlaces(registry);
    const lease = leased(places, 'a');
    places.acquire('a');
    const aside = new SetAside(places, 10);
    for (const one of [work(7, 'b'), work(3, null), work(5, 'b'), work(1, 'b', 'low')]) aside.add(one);
    expect([aside.ready('normal'), aside.ready('low'), aside.ready('high')]).toEqual([2, 1, 0]);
    expect(aside.take('normal')?.delivery.sequence).toBe(7);
    lease.release();
    expect(aside.ready('normal')).toBe(2);
    expect([aside.take('normal'), aside.take('normal')].map((one) => one?.delivery.sequence)).toEqual([3, 5]);
    expect(aside.take('normal')).toBeUndefined();
    expect(aside.size).toBe(1);
  });

  it('knows when it is full, and gives everything back at the end', () => {
    const aside = new SetAside(new EndpointPlaces(registry), 2);
    aside.add(work(1, 'a'));
    expect(aside.isFull).toBe(false);
    aside.add(work(2, 'b', 'high'));
    expect(aside.isFull).toBe(true);
    expect(aside.takeAll().map(({ delivery }) => delivery.sequence)).toEqual([1, 2]);
    expect([aside.size, aside.ready('high')]).toEqual([0, 0]);
  });
});
