import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AppendHealth } from './append-health.js';
import type { WriteAnswer } from './write-answer.js';

const silence: WriteAnswer = { kind: 'silence', reason: 'no answer within 2000 ms' };
const stored: WriteAnswer = { kind: 'stored', sequence: 1 };
const refused = (meaning: 'again' | 'full' | 'smaller'): WriteAnswer => ({
  ...{ kind: 'refused', code: 1, meaning, reason: meaning },
});

describe('AppendHealth', () => {
  let now: number;
  let health: AppendHealth;
  beforeEach(() => {
    now = 1_000;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    health = new AppendHealth();
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('counts trouble from the first write that came to nothing, until one is stored', () => {
    expect(health.trouble).toBeNull();
    health.heard(silence, 0);
    now = 5_000;
    health.heard(refused('again'), 4_000);
    expect(health.trouble).toEqual({ forMs: 5_000, lastMsAgo: 0, reason: 'again', full: false });
    health.heard(stored, 4_500);
    expect(health.trouble).toBeNull();
  });

  it('knows a store that says that it is full, and takes no refusal of one event for trouble', () => {
    health.heard(refused('smaller'), 0);
    expect(health.trouble).toBeNull();
    health.heard(refused('full'), 0);
    expect(health.trouble).toMatchObject({ full: true });
  });

  it('hears nothing of what was sent before the server was another one', () => {
    health.heard(silence, 0);
    health.sound();
    now = 3_000;
    health.heard(silence, 900);
    expect(health.trouble).toBeNull();
    health.heard(silence, 1_001);
    expect(health.trouble).not.toBeNull();
  });

  it('tells its listener of every change', () => {
    const heard = jest.fn();
    health.onNews(heard);
    health.heard(stored, 0);
    expect(heard).toHaveBeenCalledTimes(0);
    health.heard(silence, 1_500);
    health.heard(stored, 1_500);
    expect(heard).toHaveBeenCalledTimes(2);
  });

  it('refuses while it is stopped, but for one in a while where that may help', () => {
    const error = () => new Error('full');
    const outcomes = () =>
      Array.from({ length: 4 }, () => {
        now += 500;
        try {
          health.admit();
          return 'tried';
        } catch {
          return 'refused';
        }
      });
    health.stopWith({ error, trialEveryMs: null });
    expect(outcomes()).toEqual(['refused', 'refused', 'refused', 'refused']);
    health.stopWith({ error, trialEveryMs: 1_000 });
    expect(outcomes()).toEqual(['tried', 'refused', 'tried', 'refused']);
    health.sound();
    expect(outcomes()).toEqual(['tried', 'tried', 'tried', 'tried']);
  });
});
