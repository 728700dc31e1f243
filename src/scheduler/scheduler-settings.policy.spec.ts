import { describe, expect, it } from '@jest/globals';
import { configSchema } from '../platform/config/config.schema.js';
import { SCALE_DEFAULTS } from './policy/scale-settings.policy.js';
import { changedSection, orderedSlots, problemsOf, scaleSettings } from './scheduler-settings.policy.js';

const section = configSchema.parse({}).scheduler;

describe('the settings of the scheduler', () => {
  it("are the policy's own where the configuration says nothing", () => {
    expect(scaleSettings(section, 0, 1)).toEqual(SCALE_DEFAULTS);
  });

  it('are those of the configuration with what operators changed, lane by lane', () => {
    const changed = changedSection(section, { max_slots: 8, lanes: { low: { wait_target_ms: 5 } } });
    expect(changed).toMatchObject({ max_slots: 8, min_slots: 1 });
    expect(changed.lanes.low).toEqual({ ...section.lanes.low, wait_target_ms: 5 });
    expect(changed.lanes.high).toEqual(section.lanes.high);
    expect(changedSection(section, { zero_after_ms: null }).zero_after_ms).toBeNull();
  });

  it('have no floor above its ceiling', () => {
    expect(problemsOf(changedSection(section, { min_slots: 5, max_slots: 4 }))).toEqual([
      { field: 'min_slots', reason: 'is 5, above max_slots, which is 4' },
    ]);
    const lanes = { high: { min_slots: 3, max_slots: 2 } };
    expect(problemsOf(changedSection(section, { lanes }))[0]!.field).toBe('lanes.high.min_slots');
  });

  it('divide floors and a static size among the models, so that their sum is what is set', () => {
    const parts = [0, 1, 2].map((at) => scaleSettings(changedSection(section, { static_slots: 16 }), at, 3));
    expect(parts.reduce((sum, { staticSlots }) => sum + staticSlots, 0)).toBe(16);
    expect(orderedSlots([1, 2, 3], { min_slots: 1, max_slots: 5 })).toBe(5);
    expect(orderedSlots([1, 1], { min_slots: 4, max_slots: 5 })).toBe(4);
  });
});
