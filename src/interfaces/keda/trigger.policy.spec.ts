import {
  isActive,
  measured,
  metricNameOf,
  type ScaleReading,
  type Trigger,
  triggerIn,
} from './trigger.policy.js';

const read = (metadata: Record<string, string>) => triggerIn(metadata, 16);
const trigger = (metadata: Record<string, string>) => read(metadata) as Trigger;
const reading: ScaleReading = { wantedSlots: 40, work: { waiting: 7, running: 5, waitingTokens: 900 } };

describe('a trigger of KEDA', () => {
  it('scales by the wanted slots, over the slots of a worker, where it says nothing', () => {
    expect(read({ scalerAddress: 'llmq:9090' })).toEqual({
      ...{ metric: 'wanted_slots', model: null, lane: null, target: 16, activationTarget: 0 },
    });
  });

  it('may ask for one model and one lane', () => {
    expect(
      read({ metric: 'waiting', model: 'm', lane: 'high', target: '2.5', activationTarget: '3' }),
    ).toEqual({ metric: 'waiting', model: 'm', lane: 'high', target: 2.5, activationTarget: 3 });
  });

  it.each([
    [{ metric: 'lag' }, 'metric is "lag", and must be one of wanted_slots'],
    [{ metric: 'waiting', target: '1', lane: 'urgent' }, 'lane is "urgent"'],
    [{ lane: 'high' }, 'the slots serve all lanes'],
    [{ metric: 'waiting' }, 'target is missing'],
    [{ target: '0' }, 'target is "0"'],
    [{ target: 'many' }, 'target is "many"'],
    [{ target: 'Infinity' }, 'target is "Infinity"'],
    [{ activationTarget: '-1' }, 'activationTarget is "-1"'],
    [{ activationTarget: ' ' }, 'activationTarget is " "'],
  ])('is refused in words: %j', (metadata, words) => {
    expect(read(metadata)).toEqual({ problem: expect.stringContaining(words) });
  });

  it('measures what it names', () => {
    expect(measured(trigger({}), reading)).toBe(40);
    expect(measured(trigger({ metric: 'waiting', target: '1' }), reading)).toBe(7);
    expect(measured(trigger({ metric: 'messages', target: '1' }), reading)).toBe(12);
    expect(measured(trigger({ metric: 'waiting_tokens', target: '1' }), reading)).toBe(900);
    expect(metricNameOf(trigger({}))).toBe('llmq-wanted-slots');
  });

  it.each(['wanted_slots', 'waiting', 'messages', 'waiting_tokens'])(
    'never takes %s for zero when it is not known',
    (metric) => {
      const asked = trigger({ metric, target: '1' });
      const unknown = { wantedSlots: null, work: null };
      expect(measured(asked, unknown)).toBeNull();
      expect(isActive(asked, unknown)).toBeNull();
    },
  );

  it('is active above its activation target, and while calls run', () => {
    const asked = trigger({ metric: 'waiting', target: '1', activationTarget: '7' });
    const working = (waiting: number, running: number) => ({
      wantedSlots: null,
      work: { waiting, running, waitingTokens: null },
    });
    expect(isActive(asked, working(7, 0))).toBe(false);
    expect(isActive(asked, working(8, 0))).toBe(true);
    expect(isActive(asked, working(0, 1))).toBe(true);
    expect(isActive(trigger({}), { wantedSlots: 0, work: null })).toBe(false);
    expect(isActive(trigger({}), { wantedSlots: 1, work: null })).toBe(true);
  });
});
