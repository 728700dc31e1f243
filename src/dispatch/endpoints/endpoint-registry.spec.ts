import { type EndpointLease, EndpointRegistry, NoEndpointError } from './endpoint-registry.js';
import type { ModelEndpoint } from './model-endpoint.port.js';

function endpoint(name: string, models: string[], maxConcurrency: number): ModelEndpoint {
  return {
    name,
    models,
    maxConcurrency,
    call: () => Promise.reject(new Error('not called')),
    close: async () => {},
  };
}

function leased(acquired: ReturnType<EndpointRegistry['acquire']>): EndpointLease {
  if (acquired.kind !== 'leased') throw new Error(`expected a lease, got ${acquired.kind}`);
  return acquired;
}

describe('EndpointRegistry', () => {
  const small = endpoint('small', ['a', 'b'], 1);
  const large = endpoint('large', ['b', 'c'], 2);

  it('lists each model once with the endpoints that serve it', () => {
    expect(new EndpointRegistry([small, large]).models()).toEqual([
      { id: 'a', endpoints: ['small'] },
      { id: 'b', endpoints: ['small', 'large'] },
      { id: 'c', endpoints: ['large'] },
    ]);
  });

  it('counts the places of all its endpoints', () => {
    expect(new EndpointRegistry([small, large]).places).toBe(3);
  });

  it('takes the first model of the first endpoint where none is wanted', () => {
    const registry = new EndpointRegistry([small, large]);
    expect(leased(registry.acquire(null))).toMatchObject({ endpoint: small, model: 'a' });
  });

  it('tells an unknown model from a busy one', () => {
    const registry = new EndpointRegistry([small, large]);
    leased(registry.acquire('a'));
    expect(registry.acquire('a').kind).toBe('busy');
    expect(registry.acquire('z').kind).toBe('unknown_model');
    expect([registry.serves('a'), registry.serves('z')]).toEqual([true, false]);
  });

  it("counts an endpoint's places over all its models", () => {
    const registry = new EndpointRegistry([small, large]);
    const names = [1, 2, 3].map(() => leased(registry.acquire('b')).endpoint.name);
    expect(names.sort()).toEqual(['large', 'large', 'small']);
    expect(['a', 'b', 'c'].map((model) => registry.acquire(model).kind)).toEqual(['busy', 'busy', 'busy']);
  });

  it('gives a place back once, however often it is released, and tells who listens', () => {
    const registry = new EndpointRegistry([endpoint('one', ['m'], 2)]);
    const first = leased(registry.acquire('m'));
    leased(registry.acquire('m'));
    let told = 0;
    const stop = registry.onFree(() => {
      told += 1;
    });
    first.release();
    first.release();
    expect(told).toBe(1);
    const again = leased(registry.acquire('m'));
    expect(registry.acquire('m').kind).toBe('busy');
    stop();
    again.release();
    expect(told).toBe(1);
  });

  it('lets a listener take the place that was just freed', () => {
    const registry = new EndpointRegistry([endpoint('one', ['m'], 1)]);
    const first = leased(registry.acquire('m'));
    let next: string | undefined;
    registry.onFree(() => {
      next = registry.acquire('m').kind;
    });
    first.release();
    expect(next).toBe('leased');
  });

  it('refuses to exist without a model', () => {
    expect(() => new EndpointRegistry([])).toThrow(NoEndpointError);
  });
});
