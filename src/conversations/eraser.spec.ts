import { describe, expect, it } from '@jest/globals';
import type { QueuedErasure } from '../domain/conversation/erasing-order.policy.js';
import type { LogEvent } from '../domain/log-event.events.js';
import type { EventLog } from '../log/event-log.port.js';
import { Eraser } from './eraser.js';

/** Erasures that are queued, and a log that can be told not to erase. */
function erasing(queues: Record<string, QueuedErasure[]>, kind: 'conversation' | 'erasure' = 'conversation') {
  const appended: LogEvent[] = [];
  const erased: number[] = [];
  const state = { broken: new Set<number>() };
  const eraser = new Eraser(
    {
      append: async (events: readonly LogEvent[]) => {
        appended.push(...events);
        return { firstSequence: 1_000 + appended.length };
      },
      erase: async (sequences: readonly number[]) => {
        if (sequences.some((sequence) => state.broken.has(sequence))) throw new Error('no leader');
        erased.push(...sequences);
      },
    } as unknown as EventLog,
    {
      unfinished: async () =>
        Object.keys(queues).map((id) => ({
          id,
          tenant: 't',
          ofConversation: kind === 'conversation',
          strays: [],
        })),
      queued: async (id) => queues[id]!,
    },
    { clear: async () => undefined },
    { waitFor: async () => true },
    { nowMs: () => 0, steadyMs: () => 0, newId: () => 'e', random: () => 0 },
  );
  const told = () => appended.map(({ type, subject, data }) => [type.split('.')[2], subject, data]);
  return { eraser, told, erased, state };
}

const queued = (...sequences: number[]): QueuedErasure[] =>
  sequences.map((sequence) => ({ sequence, messageId: 'm' }));

describe('Eraser', () => {
  it('names what it takes out before it does, and once however often it has to try', async () => {
    const { eraser, told, erased, state } = erasing({ c: queued(5, 7, 11) });
    state.broken.add(11);
    for (let tries = 0; tries < 3; tries += 1) await expect(eraser.sweep()).rejects.toThrow('no leader');
    const sequences = [
      [4, 7],
      [10, 11],
    ];
    expect(told()).toEqual([['erasure-begun', 'c', { sequences }]]);
    expect(erased).toEqual([]);
    state.broken.clear();
    await eraser.sweep();
    expect(told().slice(1)).toEqual([['erasure-finished', 'c', { up_to_sequence: 11, events: 3 }]]);
  });

  it('tells of an erasure of messages in its own events', async () => {
    const { eraser, told } = erasing({ e: queued(5, 7) }, 'erasure');
    await eraser.sweep();
    expect(told()).toEqual([
      ['begun', 'e', { sequences: [[4, 7]] }],
      ['finished', 'e', { up_to_sequence: 7, events: 2 }],
    ]);
  });

  it('names what has come since, and goes on with the other erasures when one fails', async () => {
    const queues = { stuck: queued(5), free: queued(9) };
    const { eraser, told, state } = erasing(queues);
    state.broken.add(5);
    await expect(eraser.sweep()).rejects.toThrow('no leader');
    expect(told().map(([type, subject]) => [type, subject])).toEqual([
      ['erasure-begun', 'stuck'],
      ['erasure-begun', 'free'],
      ['erasure-finished', 'free'],
    ]);
    queues.stuck = queued(3, 5);
    queues.free = [];
    await expect(eraser.sweep()).rejects.toThrow('no leader');
    expect(told().slice(3)).toEqual([['erasure-begun', 'stuck', { sequences: [[2, 3]] }]]);
  });
});
