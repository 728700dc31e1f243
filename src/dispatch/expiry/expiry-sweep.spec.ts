import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import type { Expired } from '../../projection/read/expired-reader.js';
import { ExpirySweep } from './expiry-sweep.js';

const NOTHING: Expired = { messages: [], nextDeadline: null };

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('ExpirySweep', () => {
  let looks: number;
  let found: Expired;
  let sweep: ExpirySweep;
  const position = { applied: 1, waitFor: async () => true };
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

  beforeEach(() => {
    looks = 0;
    found = NOTHING;
    position.applied = 1;
    const expired = async () => {
      looks += 1;
      return found;
    };
    const unused = async () => {
      throw new Error('nothing has expired');
    };
    sweep = new ExpirySweep(
      { expired },
      { state: unused },
      position,
      { append: unused, get: unused },
      { chunk: () => {}, completed: () => {} } as never,
      { nowMs: Date.now, newId: () => 'id', random: () => 0 } as never,
      pino({ level: 'silent' }),
    );
    sweep.onApplicationBootstrap();
  });
  afterEach(() => sweep.beforeApplicationShutdown());

  it('does not ask PostgreSQL again while the projection stands still, for ten seconds', async () => {
    await jest.advanceTimersByTimeAsync(10_000);
    expect(looks).toBe(1);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(looks).toBe(2);
  });

  it('looks within a second after the projection has moved', async () => {
    await jest.advanceTimersByTimeAsync(3_000);
    position.applied = 2;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(looks).toBe(2);
  });

  it('looks as soon as the next deadline and the grace after it have passed', async () => {
    found = { messages: [], nextDeadline: inSeconds(4) };
    await jest.advanceTimersByTimeAsync(4_500);
    expect(looks).toBe(1);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(looks).toBe(2);
  });
});
