import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { ServiceConfig } from '../platform/config/service-config.js';
import { Sweeper } from './sweeper.js';

const DAY_MS = 86_400_000;

describe('Sweeper', () => {
  let looks: number;
  let fails: boolean;
  let sweeper: Sweeper;
  const position = { applied: 1 };

  function start(maxIdleTimeMs: number): void {
    looks = 0;
    fails = false;
    position.applied = 1;
    const counted = async () => {
      looks += 1;
      if (fails) throw new Error('away');
    };
    const conversation = {
      ...{ sweep_interval_ms: 5, conversation_ttl_ms: 30 * DAY_MS, max_idle_time_ms: maxIdleTimeMs },
    };
    sweeper = new Sweeper(
      { sweep: counted } as never,
      { sweep: async () => {} } as never,
      { sweep: async () => {} } as never,
      { health: { active: true } } as never,
      position,
      { conversation, retention: { content: null, messages: null } } as unknown as ServiceConfig,
      pino({ level: 'silent' }),
    );
    sweeper.onApplicationBootstrap();
  }

  async function until(holds: () => boolean): Promise<void> {
    for (let tries = 0; !holds() && tries < 5_000; tries += 1) await sleep(2);
  }

  afterEach(() => sweeper.onModuleDestroy());

  it('does not look again while the projection stands still', async () => {
    start(DAY_MS);
    await until(() => looks > 0);
    await sleep(200);
    expect(looks).toBe(1);
  });

  it('looks again after the projection has moved', async () => {
    start(DAY_MS);
    await until(() => looks > 0);
    position.applied = 2;
    await until(() => looks > 1);
    await sleep(100);
    expect(looks).toBe(2);
  });

  it('looks again after a failure', async () => {
    start(DAY_MS);
    fails = true;
    await until(() => looks > 2);
    expect(looks).toBeGreaterThan(2);
  });

  it('finds what lies idle within a hundredth of the time that it may', async () => {
    const startedMs = performance.now();
    start(2_000);
    await until(() => looks > 5);
    expect(looks).toBeGreaterThan(2);
    // Each 20 ms, however long they took.
    expect(looks).toBeLessThan((performance.now() - startedMs) / 20 + 2);
  });
});
