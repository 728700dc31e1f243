import type { Lane } from '../../domain/message/message.events.js';
import { configSchema } from '../../platform/config/config.schema.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import type { ModelEndpoint } from '../endpoints/model-endpoint.port.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import { fullBufferDelayMs, ModelBuffer } from './model-buffer.js';
import type { Work } from './work.js';

const config = configSchema.parse({ queue: { worker: { concurrency: 1 } } }) as unknown as ServiceConfig;

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
  const request = { content: 'x', model, parameters: {} };
  return { kind: 'ready', delivery, request, streamed: false, context: null, inDoubt: false };
}

describe('ModelBuffer', () => {
  const registry = new EndpointRegistry([endpoint('one', ['a']), endpoint('two', ['b'])]);

  it('gives out the first in the log whose model may have a place', () => {
    const lease = registry.acquire('a');
    if (lease.kind !== 'leased') throw new Error(`expected a lease, got ${lease.kind}`);
    const buffer = new ModelBuffer(registry, config);
    for (const one of [work(7, 'b'), work(3, null), work(5, 'b'), work(1, 'b', 'low')]) buffer.add(one);
    expect([buffer.ready('normal'), buffer.ready('low'), buffer.ready('high')]).toEqual([2, 1, 0]);
    expect(buffer.busyModels).toEqual(['a']);
    expect(buffer.take('normal')?.delivery.sequence).toBe(7);
    lease.release();
    expect(buffer.ready('normal')).toBe(2);
    expect(buffer.busyModels).toEqual([]);
    expect([buffer.take('normal'), buffer.take('normal')].map((one) => one?.delivery.sequence)).toEqual([
      3, 5,
    ]);
    expect(buffer.take('normal')).toBeUndefined();
    expect(buffer.size).toBe(1);
  });

  it('knows when it is full, and gives everything back at the end', () => {
    const buffer = new ModelBuffer(registry, config);
    for (let sequence = 1; sequence < 16; sequence += 1) buffer.add(work(sequence, 'a'));
    expect(buffer.isFull).toBe(false);
    buffer.add(work(16, 'b', 'high'));
    expect(buffer.isFull).toBe(true);
    expect(buffer.takeAll().map(({ delivery }) => delivery.sequence)).toEqual(
      Array.from({ length: 16 }, (_, at) => at + 1),
    );
    expect([buffer.size, buffer.ready('high')]).toEqual([0, 0]);
  });

  it('sends away what it has no room for, for longer each time', () => {
    expect([1, 2, 3, 20].map(fullBufferDelayMs)).toEqual([5_000, 10_000, 20_000, 300_000]);
  });
});
