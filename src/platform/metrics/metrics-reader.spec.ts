import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { metrics } from '@opentelemetry/sdk-node';
import { Measures } from './measures.js';
import { MetricsReader } from './metrics-reader.js';

const NO_ADDRESS = { host: '127.0.0.1', port: null };
const made: metrics.MeterProvider[] = [];
afterEach(async () => {
  for (const provider of made.splice(0)) await provider.shutdown();
});

function reading() {
  const measures = new Measures();
  const reader = new MetricsReader(measures, NO_ADDRESS);
  const provider = new metrics.MeterProvider({ readers: [reader] });
  made.push(provider);
  /** Each metric's series, as `endpoint: value`. */
  const told = async () => {
    const { resourceMetrics } = await reader.collect();
    const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return Object.fromEntries(
      all.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        Object.fromEntries(dataPoints.map(({ attributes, value }) => [attributes['endpoint'], value])),
      ]),
    );
  };
  return { measures, meter: provider.getMeter('test'), told };
}

describe('what is gone', () => {
  it('leaves the gauges', async () => {
    const { meter, told } = reading();
    let endpoints = ['one', 'two'];
    meter.createObservableGauge('llmq.endpoint.share').addCallback((result) => {
      for (const endpoint of endpoints) result.observe(1, { endpoint });
    });
    expect(await told()).toEqual({ 'llmq.endpoint.share': { one: 1, two: 1 } });
    endpoints = ['two'];
    expect(await told()).toEqual({ 'llmq.endpoint.share': { two: 1 } });
    endpoints = [];
    expect(await told()).toEqual({});
  });

  it('leaves what was counted', async () => {
    const { measures, told } = reading();
    const cost = measures.counter({ name: 'llmq.cost', description: 'Cost' }, ['endpoint']);
    cost.at({ endpoint: 'one' }).add(2);
    cost.at({ endpoint: 'two' }).add(3);
    let gone = '';
    measures.beforeRead(() => cost.forget(({ endpoint }) => endpoint === gone));
    expect(await told()).toEqual({ 'llmq.cost': { one: 2, two: 3 } });
    gone = 'one';
    expect(await told()).toEqual({ 'llmq.cost': { two: 3 } });
  });
});

it('counters of observations go on from where they were', async () => {
  const { meter, told } = reading();
  let count = 0;
  meter.createObservableCounter('llmq.calls').addCallback((result) => {
    count += 5;
    result.observe(count, { endpoint: 'one' });
  });
  expect(await told()).toEqual({ 'llmq.calls': { one: 5 } });
  expect(await told()).toEqual({ 'llmq.calls': { one: 10 } });
});

it('tells all of it to each of two who ask at once', async () => {
  const { meter, told } = reading();
  const [early, late] = [meter.createObservableGauge('llmq.early'), meter.createObservableGauge('llmq.late')];
  early.addCallback((result) => result.observe(1, { endpoint: 'one' }));
  late.addCallback(async (result) => {
    await sleep(5);
    result.observe(1, { endpoint: 'one' });
  });
  const first = told();
  await sleep(1);
  const whole = { 'llmq.early': { one: 1 }, 'llmq.late': { one: 1 } };
  expect(await Promise.all([first, told()])).toEqual([whole, whole]);
});

it('tells histograms with their bounds, counts and sum', async () => {
  const { measures, told } = reading();
  const waits = measures.histogram({ name: 'llmq.wait', description: 'Waits' }, ['endpoint'], [1, 2]);
  for (const seconds of [0.5, 1.5, 1.75, 9]) waits.at({ endpoint: 'one' }).observe(seconds);
  const one = { buckets: { boundaries: [1, 2], counts: [1, 2, 1] }, count: 4, sum: 12.75 };
  expect(await told()).toEqual({ 'llmq.wait': { one } });
});

it('says which setting to change where its port is taken', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const reader = new MetricsReader(new Measures(), { host: '127.0.0.1', port });
  await expect(reader.listen()).rejects.toMatchObject({
    code: 'metrics_port_unusable',
    message: expect.stringContaining('METRICS_PORT'),
  });
  taken.close();
});
