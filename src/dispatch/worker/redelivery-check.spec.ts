import type { MessagePrioritized } from '../../domain/message/message.events.js';
import type { MessageState } from '../../domain/message/message.state.js';
import { systemSources } from '../../platform/clock.js';
import type { ServiceConfig } from '../../platform/config/service-config.js';
import type { LaneDelivery } from '../lanes/lane.port.js';
import { RedeliveryCheck } from './redelivery-check.js';
import { WorkerStop, WorkerStoppingError } from './worker-stop.js';

const MAX_LOST_CALLS = 3;
const LAST_SEQUENCE = 100;
const open = { status: 'processing', currentAttempt: 1, openAttempts: 1, laneSequence: 10 };
const completed = { ...open, status: 'completed', terminalSequence: 40 };

function delivery(more: Partial<LaneDelivery> = {}, data: object = {}): LaneDelivery {
  const time = new Date().toISOString();
  const event = {
    subject: 'm',
    time,
    data: { attempt: 1, reason: 'explicit', ...data },
  } as MessagePrioritized;
  const first = { lane: 'low' as const, delivery: 1, inDoubtUpTo: null, sequence: 10, event };
  return { ...first, ...more } as LaneDelivery;
}

function check({
  state = null as object | null | (() => object),
  applied = LAST_SEQUENCE,
  cancelled = [] as string[],
  maxWaitMs = null as number | null,
  standing = { doubts: () => false as boolean, isGone: async () => false as boolean },
} = {}) {
  const waitedFor: number[] = [];
  const entries = new Set(cancelled);
  const stop = new WorkerStop();
  const redelivery = new RedeliveryCheck(
    { lastSequence: async () => LAST_SEQUENCE },
    { state: async () => (typeof state === 'function' ? state() : state) as MessageState | null },
    {
      waitFor: async (sequence) => {
        waitedFor.push(sequence);
        return sequence <= applied;
      },
    },
    {
      has: (id) => entries.has(id),
      remove: (id) => void entries.delete(id),
    },
    systemSources,
    {
      queue: { max_lost_calls: MAX_LOST_CALLS, levels: { low: { max_wait_ms: maxWaitMs } } },
    } as ServiceConfig,
    stop,
    standing,
  );
  return { redelivery, waitedFor, entries, stop };
}

describe('the redelivery check', () => {
  it('is needed where another worker may have had the message, or it may have ended', () => {
    const { redelivery } = check();
    expect(redelivery.isNeeded(delivery())).toBe(false);
    expect(redelivery.isNeeded(delivery({}, { reason: 'delayed' }))).toBe(false);
    const doubted = [
      ...[delivery({ delivery: 2 }), delivery({ inDoubtUpTo: 12 }), delivery({}, { reason: 'retry' })],
      ...[delivery({}, { reason: 'turn_ready' }), delivery({}, { deadline: '2020-01-01T00:00:00Z' })],
    ];
    expect(doubted.map((one) => redelivery.isNeeded(one))).toEqual(doubted.map(() => true));
    expect(check({ cancelled: ['m'] }).redelivery.isNeeded(delivery())).toBe(true);
  });

  it('asks the projection up to where an earlier run can have written', async () => {
    const { redelivery, waitedFor } = check();
    await redelivery.ask(delivery({ inDoubtUpTo: 12 }));
    await redelivery.ask(delivery({}, { reason: 'retry' }));
    await redelivery.ask(delivery({ delivery: 2, inDoubtUpTo: 12 }));
    await redelivery.ask(delivery({ delivery: 2 }), 77);
    expect(waitedFor).toEqual([12, 10, LAST_SEQUENCE, 77]);
  });

  it('is needed, up to the end of the log, for what may have gone up a lane', async () => {
    const { redelivery, waitedFor } = check({ maxWaitMs: 60_000, state: { ...open, laneSequence: 90 } });
    const waited = (ms: number): LaneDelivery => {
      const one = delivery();
      return { ...one, event: { ...one.event, time: new Date(Date.now() - ms).toISOString() } };
    };
    expect(redelivery.isNeeded(waited(30_000))).toBe(false);
    expect(redelivery.isNeeded(waited(60_000))).toBe(true);
    expect(redelivery.isNeeded(delivery({}, { reason: 'aged' }))).toBe(true);
    expect(await redelivery.ask(waited(60_000))).toEqual({ kind: 'known', decision: { kind: 'superseded' } });
    expect(waitedFor).toEqual([LAST_SEQUENCE]);
  });

  it('leaves to another worker what that one was given, and asks for the rest as ever', async () => {
    const doubted = (isGone: boolean) =>
      check({ standing: { doubts: () => true, isGone: async () => isGone } });
    const gone = doubted(true);
    expect(gone.redelivery.isNeeded(delivery())).toBe(true);
    expect(await gone.redelivery.ask(delivery())).toEqual({ kind: 'handed_back', delayMs: 0 });
    expect(gone.waitedFor).toEqual([]);
    const kept = doubted(false);
    expect(await kept.redelivery.ask(delivery())).toBeNull();
    expect(kept.waitedFor).toEqual([10]);
    kept.stop.now();
    await expect(kept.redelivery.ask(delivery())).rejects.toThrow(WorkerStoppingError);
  });

  it('lets a message be called that has not ended, and forgets that an earlier life was cancelled', async () => {
    const { redelivery, entries } = check({ state: open, cancelled: ['m'] });
    expect(await redelivery.ask(delivery())).toBeNull();
    expect([...entries]).toEqual([]);
  });

  it('looks again when a message is cancelled during the look, and keeps the entry', async () => {
    const cancelled = { ...open, status: 'cancelled', terminalSequence: 90 };
    for (const record of [null, 50]) {
      const { redelivery, entries, waitedFor } = check({
        state: () => {
          const before = entries.has('m') ? cancelled : open;
          entries.add('m');
          return before;
        },
      });
      const decided = await redelivery.ask(delivery({}, { reason: 'retry' }), record);
      expect(decided).toEqual({ kind: 'known', decision: { kind: 'settled', terminalSequence: 90 } });
      expect([...entries]).toEqual(['m']);
      expect(waitedFor).toEqual([record ?? 10, LAST_SEQUENCE]);
    }
  });

  it('knows what has ended, at both looks', async () => {
    const { redelivery } = check({ state: completed });
    const known = { kind: 'known', decision: { kind: 'settled', terminalSequence: 40 } };
    expect(await redelivery.ask(delivery({ delivery: 2 }))).toEqual(known);
    expect(await redelivery.ask(delivery({ delivery: 2 }), 50)).toEqual(known);
  });

  it('gives up over lost calls at the first look alone, since the record counts as one at the second', async () => {
    const { redelivery } = check({ state: { ...open, openAttempts: MAX_LOST_CALLS } });
    const known = { kind: 'known', decision: { kind: 'give_up', lostCalls: MAX_LOST_CALLS } };
    expect(await redelivery.ask(delivery({ delivery: 2 }))).toEqual(known);
    expect(await redelivery.ask(delivery({ delivery: 2 }), 50)).toBeNull();
  });

  it('can not tell while the projection is behind', async () => {
    const { redelivery } = check({ state: completed, applied: 9 });
    expect(await redelivery.ask(delivery({ delivery: 2 }))).toEqual({ kind: 'unclear' });
  });

  it('says that the worker stops, so that the message goes to another worker at once', async () => {
    const { redelivery, stop } = check({ applied: 9 });
    stop.now();
    for (const record of [null, 50]) {
      await expect(redelivery.ask(delivery({ delivery: 2 }), record)).rejects.toBeInstanceOf(
        WorkerStoppingError,
      );
    }
  });
});
