import { describe, expect, it } from '@jest/globals';
import { KnownReadings } from './known-readings.js';
import { allLanes, lanesInAll, type ModelReadings, type SchedulerReadings } from './scheduler-readings.js';

const lane = (waiting: number, oldest = 0) => ({
  ...{ waiting, redelivering: 0, running: 1, oldest_age_seconds: oldest },
  ...{ arrivals_per_second: 0.5, due_within_minute: null, waiting_tokens: 10 },
});
const service = {
  ...{ seconds_per_message: null, messages_per_second_and_slot: null, tokens_per_second_and_slot: null },
};
const model = (name: string, normal: ModelReadings['lanes']['normal']): ModelReadings => ({
  ...{ model: name, wanted_slots: 2, service },
  lanes: { realtime: lane(0), high: lane(0), normal, low: lane(0) },
});
const readings = (term: number, models: ModelReadings[] = []): SchedulerReadings => ({
  ...{ term, at: '2026-01-01T00:00:00.000Z', slots: 4, wanted_slots: 4, models },
});

describe('readings', () => {
  it('are summed up over models and lanes', () => {
    const lanes = lanesInAll({ models: [model('m', lane(3, 2)), model('n', lane(4, 9))] });
    expect(lanes.normal).toMatchObject({
      waiting: 7,
      running: 2,
      oldest_age_seconds: 9,
      arrivals_per_second: 1,
    });
    expect(allLanes(lanes)).toMatchObject({
      waiting: 7,
      running: 8,
      due_within_minute: null,
      waiting_tokens: 80,
    });
  });

  it('have no sum where a part is unknown', () => {
    const lanes = lanesInAll({ models: [model('m', lane(3)), model('n', { unknown: 'missing_consumer' })] });
    expect(lanes.normal).toEqual({ unknown: 'missing_consumer' });
    expect(lanes.high).toMatchObject({ waiting: 0 });
    expect(allLanes(lanes)).toEqual({ unknown: 'missing_consumer' });
  });
});

describe('the readings that a process knows', () => {
  it('are unknown before the first and some seconds after the last', () => {
    const clock = { nowMs: 0 };
    const known = new KnownReadings({ steadyMs: () => clock.nowMs });
    expect(known.current).toBeNull();
    known.heard(readings(1));
    clock.nowMs = 3_500;
    expect(known.current?.term).toBe(1);
    clock.nowMs = 3_501;
    expect(known.current).toBeNull();
  });

  it('are never those of an older leader', () => {
    const known = new KnownReadings({ steadyMs: () => 0 });
    known.heard(readings(2));
    known.heard(readings(1));
    expect(known.current?.term).toBe(2);
  });
});
