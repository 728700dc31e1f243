import fc from 'fast-check';
import type { ModelRequest } from '../../domain/message/message.events.js';
import { plainOffer } from './endpoint.state.js';
import { EndpointRegistry } from './endpoint-registry.js';
import type { ModelEndpoint } from './model-endpoint.port.js';
import type { AskedDeployment, EndpointLease } from './registry/endpoint-lease.js';
import { EndpointNameTakenError, NoEndpointError, UnknownEndpointError } from './registry/registry-errors.js';

function endpoint(name: string, models: string[], maxConcurrency = 1): ModelEndpoint {
  return {
    name,
    models,
    maxConcurrency,
    call: () => Promise.reject(new Error('not called')),
    close: async () => {},
  };
}

function never(): never {
  throw new Error('nobody asked');
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

  it('counts the calls of a model that may begin, and passes over what is excluded', () => {
    const registry = new EndpointRegistry([small, large]);
    expect(['a', 'b', 'c', 'z'].map((model) => registry.freePlaces(model))).toEqual([1, 3, 2, 0]);
    const exclude = new Set(['small']);
    expect(leased(registry.acquire('b', { exclude })).endpoint.name).toBe('large');
    leased(registry.acquire('b', { exclude }));
    expect(registry.acquire('b', { exclude }).kind).toBe('busy');
    expect([registry.freePlaces('b'), registry.busyModels]).toEqual([1, []]);
    expect(leased(registry.acquire('b')).endpoint.name).toBe('small');
  });

  it('asks for a model by the name that the endpoint knows', () => {
    const offer = { ...plainOffer('fast'), upstream: 'maker/fast-8b' };
    const registry = new EndpointRegistry([small], 'least_busy', () => ({ models: [offer] }));
    expect(leased(registry.acquire('fast'))).toMatchObject({ model: 'fast', offer });
    expect(registry.offers('fast')).toEqual([{ endpoint: 'small', offer }]);
    expect(registry.serves('a')).toBe(false);
  });

  describe('with endpoints that have no words for what others have', () => {
    const lacks = ({ parameters }: ModelRequest) => ('stop' in parameters ? ['stop'] : []);
    const speechless = { ...endpoint('gpt', ['m'], 9), lacks };
    const asking = (parameters: ModelRequest['parameters']) => ({
      asked: { request: { content: 'Hi', model: 'm', parameters }, conversation: null },
    });
    const [plain, stopping] = [asking({}), asking({ stop: ['.'] })];

    it('leaves them out where another of the model has the words, and tells so', () => {
      const registry = new EndpointRegistry([speechless, endpoint('gpu', ['m'], 1)]);
      const lease = leased(registry.acquire('m', stopping));
      expect(lease.endpoint.name).toBe('gpu');
      expect(lease.reason).toMatch(/can serve now; gpt is left out, whose API has nothing for stop$/);
      const other = leased(registry.acquire('m', plain));
      expect([other.endpoint.name, other.reason]).toEqual([
        ...['gpt', expect.not.stringContaining('left out')],
      ]);
    });

    it('lets the call wait for one that has the words, full or drained, and calls nobody busy for it', () => {
      const registry = new EndpointRegistry([speechless, endpoint('gpu', ['m'], 1)]);
      const first = leased(registry.acquire('m', stopping));
      expect(registry.acquire('m', stopping).kind).toBe('busy');
      expect([registry.freePlaces('m'), registry.busyModels]).toEqual([9, []]);
      expect([registry.isDown('m', stopping.asked), registry.isDown('m')]).toEqual([false, false]);
      first.release();
      registry.drain('gpu');
      expect(registry.acquire('m', stopping).kind).toBe('busy');
      expect([registry.isDown('m', stopping.asked), registry.isDown('m', plain.asked)]).toEqual([
        true,
        false,
      ]);
      registry.undrain('gpu');
      expect(leased(registry.acquire('m', stopping)).endpoint.name).toBe('gpu');
    });

    it('asks none of them after a failure elsewhere', () => {
      const registry = new EndpointRegistry([speechless, endpoint('gpu', ['m']), endpoint('cpu', ['m'])]);
      const exclude = new Set(['gpu']);
      expect(leased(registry.acquire('m', { ...stopping, exclude })).endpoint.name).toBe('cpu');
      expect(registry.acquire('m', { ...stopping, exclude }).kind).toBe('busy');
      expect(leased(registry.acquire('m', { ...plain, exclude })).endpoint.name).toBe('gpt');
    });

    it('asks them where no other serves the model, whether it never did or no longer does', async () => {
      const registry = new EndpointRegistry([speechless, endpoint('gpu', ['m'])]);
      await registry.remove('gpu');
      expect(leased(registry.acquire('m', stopping)).reason).toMatch(/^it is the only endpoint/);
      const both = new EndpointRegistry([speechless, { ...speechless, name: 'gpt-2' }]);
      expect(leased(both.acquire('m', stopping)).reason).not.toContain('left out');
    });

    it('goes by what came before, as the deployment would be told of it', () => {
      const registry = new EndpointRegistry([speechless, endpoint('gpu', ['m'])]);
      const told: string[] = [];
      const conversation = {
        atHandFor: ({ model, offer }: AskedDeployment) => {
          told.push(`${model} by ${offer.upstream}`);
          return stopping.asked.request;
        },
      };
      const asked = { ...plain.asked, conversation };
      expect(leased(registry.acquire('m', { asked })).endpoint.name).toBe('gpu');
      expect(told).toEqual(['m by m']);
    });

    it('looks at no request where all endpoints are alike', () => {
      const unread = { request: plain.asked.request, conversation: { atHandFor: () => never() } };
      const registry = new EndpointRegistry([
        ...[speechless, { ...speechless, name: 'gpt-2' }],
        ...[endpoint('gpu', ['other']), endpoint('cpu', ['other'])],
      ]);
      for (const model of ['m', 'other'])
        expect(registry.acquire(model, { asked: unread }).kind).toBe('leased');
    });

    it('follows an endpoint that speaks otherwise from now on', () => {
      const registry = new EndpointRegistry([endpoint('gpt', ['m'], 9), endpoint('gpu', ['m'], 1)]);
      registry.replace('gpt', speechless);
      expect(leased(registry.acquire('m', stopping)).endpoint.name).toBe('gpu');
      expect(registry.acquire('m', stopping).kind).toBe('busy');
    });
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
    const hear = () => {
      told += 1;
    };
    registry.events.on('freed', hear);
    first.release();
    first.release();
    expect(told).toBe(1);
    const again = leased(registry.acquire('m'));
    expect(registry.acquire('m').kind).toBe('busy');
    registry.events.off('freed', hear);
    again.release();
    expect(told).toBe(1);
  });

  it('lets a listener take the place that was just freed', () => {
    const registry = new EndpointRegistry([endpoint('one', ['m'], 1)]);
    const first = leased(registry.acquire('m'));
    let next: string | undefined;
    registry.events.on('freed', () => {
      next = registry.acquire('m').kind;
    });
    first.release();
    expect(next).toBe('leased');
  });

  it('refuses to exist without a model', () => {
    expect(() => new EndpointRegistry([])).toThrow(NoEndpointError);
  });

  it('knows which models were asked for in vain, until a place for them is free', () => {
    const registry = new EndpointRegistry([endpoint('one', ['a']), endpoint('two', ['b'])]);
    let told = 0;
    registry.events.on('freed', () => {
      told += 1;
    });
    const lease = leased(registry.acquire(null));
    expect(lease.model).toBe('a');
    expect([registry.isBusy('a'), registry.busyModels]).toEqual([true, []]);
    expect([registry.isBusy('b'), registry.acquire('a').kind]).toEqual([false, 'busy']);
    expect([registry.busyModels, registry.isFull]).toEqual([['a'], false]);
    lease.release();
    expect([told, registry.isBusy('a'), registry.busyModels]).toEqual([1, false, []]);
  });

  it('knows that no place is left once every endpoint is full', () => {
    const registry = new EndpointRegistry([endpoint('one', ['a', 'c']), endpoint('two', ['b', 'c'])]);
    leased(registry.acquire('a'));
    expect(registry.isFull).toBe(false);
    const last = leased(registry.acquire('b'));
    expect([registry.isFull, registry.acquire('c').kind]).toEqual([true, 'busy']);
    last.release();
    expect(registry.isFull).toBe(false);
  });

  it('does not take an unknown model for a busy one', () => {
    const registry = new EndpointRegistry([endpoint('one', ['a'])]);
    expect(registry.acquire('z').kind).toBe('unknown_model');
    expect([registry.isBusy('z'), registry.busyModels, registry.isFull]).toEqual([false, [], false]);
  });
});

describe('an endpoint registry that changes', () => {
  const told = (registry: EndpointRegistry) => {
    const heard: string[] = [];
    registry.events.on('freed', ({ name }) => heard.push(`freed ${name}`));
    registry.events.on('changed', ({ name, phase, places }) => heard.push(`${name} ${phase} ${places}`));
    return heard;
  };

  it('serves what an added endpoint serves, at once', () => {
    const registry = new EndpointRegistry([endpoint('one', ['a'], 1)]);
    const heard = told(registry);
    leased(registry.acquire('a'));
    expect(registry.acquire('a').kind).toBe('busy');
    registry.add(endpoint('two', ['a', 'b'], 2));
    expect([heard, registry.places, registry.serves('b')]).toEqual([['two active 2'], 3, true]);
    expect([registry.isBusy('a'), registry.busyModels]).toEqual([false, []]);
    expect(leased(registry.acquire('a')).endpoint.name).toBe('two');
  });

  it('takes other places, weights and models, and keeps the leases of before', () => {
    const registry = new EndpointRegistry([endpoint('one', ['a'], 3)]);
    const leases = [1, 2, 3].map(() => leased(registry.acquire('a')));
    registry.change('one', { places: 1, weight: 5, models: [plainOffer('b')] });
    const models = [{ name: 'b' }];
    expect(registry.states()).toMatchObject([{ name: 'one', taken: 3, places: 1, weight: 5, models }]);
    expect([registry.acquire('a').kind, registry.acquire('b').kind]).toEqual(['unknown_model', 'busy']);
    expect(registry.defaultModel).toBe('b');
    const heard = told(registry);
    for (const lease of leases) lease.release();
    // Only the last of them leaves a place free.
    expect([heard, registry.states()[0]?.taken]).toEqual([['freed one'], 0]);
    leased(registry.acquire('b'));
    expect(registry.acquire('b').kind).toBe('busy');
    registry.change('one', { places: 2 });
    leased(registry.acquire('b'));
  });

  it('lets a drained endpoint have no calls, until it is undrained', () => {
    const registry = new EndpointRegistry([endpoint('one', ['a', 'b'], 1), endpoint('two', ['a'], 1)]);
    registry.drain('one');
    expect(leased(registry.acquire('a'))).toMatchObject({
      endpoint: { name: 'two' },
      reason: 'it is the only endpoint (0 of 1 places taken)',
    });
    // Its messages wait for it: it is not gone.
    expect([registry.acquire('b').kind, registry.serves('b'), registry.places]).toEqual(['busy', true, 1]);
    registry.undrain('one');
    expect(leased(registry.acquire('b')).endpoint.name).toBe('one');
  });

  it('forgets a removed endpoint with its last call, closes it then, and lets go of its name', async () => {
    let closed = 0;
    const count = () => {
      closed += 1;
    };
    const one = { ...endpoint('one', ['a'], 2), close: async () => count() };
    const registry = new EndpointRegistry([one, endpoint('two', ['b'], 1)]);
    const lease = leased(registry.acquire('a'));
    let removed = false;
    const removing = registry.remove('one').then(() => {
      removed = true;
    });
    await new Promise(setImmediate);
    expect([removed, closed, registry.serves('a'), registry.acquire('a').kind, registry.places]).toEqual([
      ...[false, 0, false, 'unknown_model', 1],
    ]);
    expect(() => registry.add(endpoint('one', ['a'], 1))).toThrow(EndpointNameTakenError);
    expect(() => registry.undrain('one')).toThrow(UnknownEndpointError);
    lease.release();
    await removing;
    expect([closed, registry.states().map(({ name }) => name), registry.defaultModel]).toEqual([
      ...[1, ['two'], 'b'],
    ]);
    registry.add(endpoint('one', ['a'], 1));
    leased(registry.acquire('a'));
  });

  it('sends new calls to the endpoint that replaces one, and closes that with its last call', async () => {
    const closed: string[] = [];
    const at = (address: string) => ({
      ...endpoint('one', ['a'], 2),
      address,
      close: async () => void closed.push(address),
    });
    const registry = new EndpointRegistry([at('old')]);
    const leases = [1, 2].map(() => leased(registry.acquire('a')));
    registry.replace('one', at('new'), { places: 3 });
    const [next] = [leased(registry.acquire('a'))];
    expect([...leases, next].map((lease) => (lease.endpoint as { address?: string }).address)).toEqual([
      ...['old', 'old', 'new'],
    ]);
    expect(registry.acquire('a').kind).toBe('busy');
    leases[0]!.release();
    registry.replace('one', at('newest'));
    leases[0]!.release();
    next.release();
    expect(closed).toEqual(['new']);
    leases[1]!.release();
    expect([closed, registry.states()[0]?.taken]).toEqual([['new', 'old'], 0]);
    // One that nobody used goes at once.
    registry.replace('one', at('last'));
    expect(closed).toEqual(['new', 'old', 'newest']);
    expect(() => registry.replace('two', at('x'))).toThrow(UnknownEndpointError);
  });

  it('can be without any endpoint, and have one again', async () => {
    const registry = new EndpointRegistry([endpoint('one', ['a'], 1)]);
    await registry.remove('one');
    expect([registry.acquire(null).kind, registry.models(), registry.isFull]).toEqual([
      'unknown_model',
      [],
      true,
    ]);
    registry.add(endpoint('two', ['b'], 1));
    expect(leased(registry.acquire(null)).model).toBe('b');
    expect(() => registry.change('one', { places: 2 })).toThrow(UnknownEndpointError);
  });

  it('gives a freed place to who waits for one before it tells anybody', async () => {
    const registry = new EndpointRegistry([endpoint('one', ['a'], 1)]);
    const heard = told(registry);
    const { signal } = new AbortController();
    const lease = leased(registry.acquire('a'));
    const waits = [registry.acquireNext('a', signal), registry.acquireNext(null, signal)];
    lease.release();
    const first = leased(await waits[0]!);
    expect([heard, registry.acquire('a').kind]).toEqual([[], 'busy']);
    first.release();
    leased(await waits[1]!).release();
    expect(heard).toEqual(['freed one']);
  });

  it('tells who waits when the model is served no more, or the time is over', async () => {
    const registry = new EndpointRegistry([endpoint('one', ['a'], 1), endpoint('two', ['b'], 1)]);
    const giveUp = new AbortController();
    for (const model of ['a', 'b']) leased(registry.acquire(model));
    const waits = [registry.acquireNext('a', giveUp.signal), registry.acquireNext('b', giveUp.signal)];
    void registry.remove('one');
    expect((await waits[0]!).kind).toBe('unknown_model');
    giveUp.abort(new Error('too late'));
    await expect(waits[1]!).rejects.toThrow('too late');
    await expect(registry.acquireNext('b', giveUp.signal)).rejects.toThrow('too late');
  });

  it('never has more calls at an endpoint than places when the last of them began, whatever changes', () => {
    const names = ['one', 'two', 'three'];
    const step = fc.record({
      kind: fc.constantFrom(
        'acquire',
        'acquire',
        'acquire',
        'release',
        'add',
        'places',
        'drain',
        'undrain',
        'remove',
      ),
      name: fc.constantFrom(...names),
      number: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const registry = new EndpointRegistry([endpoint('one', ['a', 'b'], 2), endpoint('two', ['b'], 1)]);
        const held: EndpointLease[] = [];
        for (const { kind, name, number } of steps) {
          const known = registry.states().find((state) => state.name === name);
          const here = known !== undefined && known.phase !== 'removing';
          if (kind === 'acquire') {
            const free = registry.states().filter((s) => s.phase === 'active' && s.taken < s.places);
            const acquired = registry.acquire('b');
            expect(acquired.kind === 'leased').toBe(
              free.some(({ models }) => models.some((offer) => offer.name === 'b')),
            );
            if (acquired.kind !== 'leased') continue;
            expect(free.map((s) => s.name)).toContain(acquired.endpoint.name);
            held.push(acquired);
          } else if (kind === 'release') held.splice(number, 1)[0]?.release();
          else if (kind === 'add' && known === undefined) registry.add(endpoint(name, ['b'], number));
          else if (kind === 'places' && here) registry.change(name, { places: number });
          else if (kind === 'drain' && here) registry.drain(name);
          else if (kind === 'undrain' && here) registry.undrain(name);
          else if (kind === 'remove' && here) void registry.remove(name);
          const states = registry.states();
          expect(states.reduce((sum, { taken }) => sum + taken, 0)).toBe(held.length);
          expect(states.every(({ taken }) => taken >= 0)).toBe(true);
          expect(registry.isFull).toBe(!states.some((s) => s.phase === 'active' && s.taken < s.places));
          expect(
            registry.busyModels.every((model) => registry.isBusy(model) || !registry.serves(model)),
          ).toBe(true);
        }
        for (const lease of held) lease.release();
        expect(registry.states().every(({ taken, phase }) => taken === 0 && phase !== 'removing')).toBe(true);
      }),
    );
  });
});
