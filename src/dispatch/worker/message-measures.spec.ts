import type { MessageCompleted, MessagePrioritized } from '../../domain/message/message.events.js';
import { systemSources } from '../../platform/clock.js';
import { Measures } from '../../platform/metrics/measures.js';
import { EndpointRegistry } from '../endpoints/endpoint-registry.js';
import type { ModelEndpoint } from '../endpoints/model-endpoint.port.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import { MessageMeasures } from './message-measures.js';

const RECEIVED_MS = Date.parse('2026-11-01T12:00:00.000Z');
const at = (seconds: number) => new Date(RECEIVED_MS + seconds * 1_000).toISOString();

function endpoint(name: string, models: readonly string[]): ModelEndpoint {
  const call = () => Promise.reject(new Error('no call here'));
  return { name, models, maxConcurrency: 4, call, close: async () => {} };
}

function rig() {
  const measures = new Measures();
  const registry = new EndpointRegistry([endpoint('one', ['small']), endpoint('two', ['large'])]);
  const nowMs = () => RECEIVED_MS + 7_000;
  const of = new MessageMeasures({ measures }, registry, { ...systemSources, nowMs });
  /** `labels -> values' count, or the counter's value`, by metric. */
  const told = async (name: string) => {
    const { resourceMetrics } = await measures.collect();
    const found = resourceMetrics.scopeMetrics[0]!.metrics.find((each) => each.descriptor.name === name);
    return (found?.dataPoints ?? []).map(({ attributes, value }) => ({
      ...attributes,
      ...(typeof value === 'number' ? { value } : { count: value.count, sum: value.sum }),
    }));
  };
  return { of, registry, told };
}

function delivery(model: string | null, but: { attempt?: number; delivery?: number } = {}): LaneDelivery {
  const data = { received_at: at(0), attempt: but.attempt ?? 1, model } as MessagePrioritized['data'];
  return {
    lane: 'high',
    event: { subject: 'm', data },
    delivery: but.delivery ?? 1,
  } as unknown as LaneDelivery;
}

function completed(data: Partial<MessageCompleted['data']> = {}): MessageCompleted {
  const whole = { endpoint: 'one', model: 'small', total_ms: 2_000, first_token_ms: 250, ...data };
  return { data: whole } as unknown as MessageCompleted;
}

const ACCOUNTING = {
  ...{ model: 'small', estimated: false, cached_tokens: null, reasoning_tokens: null, price: null },
  ...{ input_tokens: 12, output_tokens: 30, cost_nanos: 2_500_000 },
};

describe('the wait of a message', () => {
  it('ends with its first call', async () => {
    const { of, told } = rig();
    of.begun(delivery('small'), at(3));
    of.begun(delivery('small', { delivery: 2 }), at(4));
    of.begun(delivery('small', { attempt: 2 }), at(5));
    expect(await told('llmq.message.wait_seconds')).toEqual([
      { lane: 'high', model: 'small', count: 1, sum: 3 },
    ]);
  });

  it('is told under no name that a client made up', async () => {
    const { of, told } = rig();
    of.begun(delivery('made up'), at(1));
    of.begun(delivery(null), at(1));
    const models = (await told('llmq.message.wait_seconds')).map((each) =>
      'model' in each ? each.model : '',
    );
    expect(models).toEqual(['other', 'small']);
  });
});

describe('an answered message', () => {
  it('is told by lane, model and endpoint, with what it used and cost', async () => {
    const { of, told } = rig();
    of.completed(delivery('small'), completed({ accounting: ACCOUNTING }));
    const where = { model: 'small', endpoint: 'one' };
    const inLane = { lane: 'high', ...where };
    expect(await told('llmq.message.duration_seconds')).toEqual([
      { ...inLane, outcome: 'completed', count: 1, sum: 2 },
    ]);
    expect(await told('llmq.message.first_piece_seconds')).toEqual([{ ...inLane, count: 1, sum: 0.25 }]);
    expect(await told('llmq.message.tokens')).toEqual([
      { ...where, type: 'input', count: 1, sum: 12 },
      { ...where, type: 'output', count: 1, sum: 30 },
    ]);
    expect(await told('llmq.message.cost')).toEqual([{ ...where, value: 0.0025 }]);
  });

  it('leaves out what nobody knows', async () => {
    const { of, told } = rig();
    of.completed(delivery('small'), completed({ first_token_ms: null }));
    of.completed(delivery('small'), completed({ accounting: { ...ACCOUNTING, cost_nanos: null } }));
    expect(await told('llmq.message.cost')).toEqual([]);
    expect(await told('llmq.message.first_piece_seconds')).toMatchObject([{ count: 1 }]);
  });
});

it('a message that ended otherwise is told with the endpoint that was called last', async () => {
  const { of, told } = rig();
  of.ended(delivery('small'), 'dead_lettered', 'one');
  of.ended(delivery('small'), 'cancelled');
  const about = { lane: 'high', model: 'small', count: 1, sum: 7 };
  expect(await told('llmq.message.duration_seconds')).toEqual([
    { ...about, endpoint: 'one', outcome: 'dead_lettered' },
    { ...about, endpoint: 'none', outcome: 'cancelled' },
  ]);
});

it('counts each call by what became of it', async () => {
  const { registry, told } = rig();
  for (const sign of [null, { kind: 'not_now', reason: 'rate_limited', retryAfterMs: null }] as const) {
    const lease = registry.acquire('large');
    if (lease.kind !== 'leased') throw new Error('It has free places.');
    if (sign !== null) lease.ended(sign);
    lease.release();
  }
  const outcomes = (await told('llmq.call.duration_seconds')).map((each) => ({ ...each, sum: 0 }));
  const about = { model: 'large', endpoint: 'two', count: 1, sum: 0 };
  expect(outcomes).toEqual([
    { ...about, outcome: 'untold' },
    { ...about, outcome: 'refused' },
  ]);
});

it('what is told of an endpoint leaves with it', async () => {
  const { of, registry, told } = rig();
  of.completed(delivery('small'), completed());
  of.completed(delivery('large'), completed({ endpoint: 'two', model: 'large' }));
  of.begun(delivery('large'), at(1));
  await registry.remove('two');
  expect(await told('llmq.message.duration_seconds')).toMatchObject([{ endpoint: 'one' }]);
  expect(await told('llmq.message.wait_seconds')).toEqual([]);
});
