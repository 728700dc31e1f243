import { describe, expect, it } from '@jest/globals';
import { scaleDecidedSchema } from '../domain/admin/scale.events.js';
import type { Lane } from '../domain/message/lane.policy.js';
import { perLaneOf } from '../domain/message/per-lane.js';
import { configSchema } from '../platform/config/config.schema.js';
import {
  decidedEvent,
  type LaneCount,
  type ModelCount,
  plan,
  resumedStates,
  undecided,
} from './plan.policy.js';
import type { ScaleState } from './policy/scale-state.policy.js';
import { totalOf } from './policy/slots-by-lane.policy.js';
import { changedSection } from './scheduler-settings.policy.js';

const section = changedSection(configSchema.parse({}).scheduler, { strategy: 'dynamic', up_cool_down_ms: 0 });
const count = (waiting: number): LaneCount => ({
  ...{ waiting, running: 1, oldestAgeMs: 0, arrived: waiting, dueWithinMinute: null },
});
const model = (name: string, lanes: Partial<ModelCount['lanes']> = {}): ModelCount => ({
  ...{ model: name, service: { busyMs: 0, calls: 0 } },
  lanes: { ...perLaneOf(() => count(0)), ...lanes },
});
const situation = (slots: number, paused: readonly Lane[] = []) => ({
  ...{ atMs: 1_000, slots, startDelayMs: 1_000 },
  isPaused: (lane: Lane) => paused.includes(lane),
});
const NOTHING = new Map<string, ScaleState>();

describe('the plan of one turn', () => {
  it('divides what is there among the models at first, and orders the sum of what they shall have', () => {
    const { planned, ordered } = plan(
      [model('m', { normal: count(50) }), model('n')],
      NOTHING,
      section,
      situation(5),
    );
    expect(planned.map(({ before }) => totalOf(before.slots))).toEqual([2, 3]);
    expect(planned.map(({ decision }) => decision.change)).toEqual(['up', 'none']);
    expect(ordered).toBe(planned[0]!.decision.total + planned[1]!.decision.total);
    expect(planned.map(({ decision }) => decision.inputs.slots)).toEqual([2, 3]);
  });

  it('does not raise for what waits in a paused lane', () => {
    const { planned } = plan([model('m', { normal: count(50) })], NOTHING, section, situation(4, ['normal']));
    expect(planned[0]!.decision.change).toBe('none');
  });

  it('neither lowers nor raises for a lane that is unknown', () => {
    const lanes = perLaneOf(() => ({ unknown: 'missing_consumer' as const }));
    const { planned, ordered } = plan([model('m', lanes)], NOTHING, section, situation(4));
    expect(ordered).toBe(4);
    expect(planned[0]!.decision.reason).toContain('its consumer is missing');
  });

  it('keeps the size before a decision that could not be recorded, so that it is decided again', () => {
    const first = plan([model('m', { normal: count(50) })], NOTHING, section, situation(4));
    const kept = undecided(first.planned[0]!);
    expect(totalOf(kept.slots)).toBe(4);
    const again = plan([model('m', { normal: count(50) })], new Map([['m', kept]]), section, situation(4));
    expect(again.planned[0]!.decision).toMatchObject({
      change: 'up',
      total: first.planned[0]!.decision.total,
    });
  });

  it('is taken up by a successor where the decided parts are what is there, and begins anew else', () => {
    const slots = { realtime: 0, high: 1, normal: 3, low: 0 };
    const decided = [{ model: 'm', slots }];
    expect(resumedStates(decided, 1, section, 4).get('m')?.slots).toEqual(slots);
    expect(resumedStates(decided, 1, section, 16).size).toBe(0);
    expect(resumedStates(decided, 2, section, 4).size).toBe(0);
  });

  it('becomes an event with its inputs and its reason', () => {
    const { planned, ordered } = plan([model('m', { normal: count(50) })], NOTHING, section, situation(4));
    const about = {
      ...{ at: '2026-01-01T00:00:00.000Z', ordered, term: 3, dry_run: false, by: 'here' },
      strategy: 'dynamic',
      actuator: 'slots',
    } as const;
    const event = scaleDecidedSchema.parse(decidedEvent(planned[0]!, about));
    expect(event).toMatchObject({ model: 'm', from: 4, ordered, term: 3, inputs: { slots: 4 } });
    expect(event.reason).toContain('50 wait in normal');
    expect(event.inputs.lanes.normal).toMatchObject({ waiting: 50 });
  });
});
