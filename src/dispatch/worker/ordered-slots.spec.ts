import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { SlotOrder } from '../workers/nats/slot-orders.js';
import { OrderedSlots } from './ordered-slots.js';

function ordered() {
  const sizes: number[] = [];
  let give: (order: SlotOrder) => void = () => undefined;
  const orders = {
    listen: (heard: (order: SlotOrder) => void) => {
      give = heard;
      return () => undefined;
    },
  };
  const worker = { resize: (slots: number) => void sizes.push(slots) };
  new OrderedSlots(orders, { name: 'w' }, worker, pino({ level: 'silent' })).start();
  return { sizes, give: (term: number, slots: Record<string, number>) => give({ term, slots }) };
}

describe('the slots that are ordered', () => {
  it('are taken once for each size, and only by the worker that is named', () => {
    const { sizes, give } = ordered();
    give(1, { w: 4, other: 9 });
    give(1, { w: 4 });
    give(1, { other: 7 });
    give(2, { w: 5 });
    expect(sizes).toEqual([4, 5]);
  });

  it('are refused from an older term, also where the newer one did not name this worker', () => {
    const { sizes, give } = ordered();
    give(2, { other: 1 });
    give(1, { w: 4 });
    expect(sizes).toEqual([]);
  });
});
