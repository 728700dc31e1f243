import fc from 'fast-check';
import { MESSAGE_STATUSES, type MessageStatus } from '../message/message.state.js';
import { turnOrder } from './turn-order.policy.js';

const turns = (...statuses: MessageStatus[]) =>
  statuses.map((status, index) => ({ messageId: `turn-${index}`, status }));

it('lets the first turn go', () => {
  expect(turnOrder([], false)).toEqual({ kind: 'go' });
});

it('holds a turn behind one that waits, is scheduled or runs', () => {
  for (const status of ['pending', 'scheduled', 'processing'] as const) {
    expect(turnOrder(turns(status, 'completed'), false)).toEqual({ kind: 'behind', messageId: 'turn-0' });
  }
});

it('looks past turns that ended without an answer', () => {
  expect(turnOrder(turns('cancelled', 'expired', 'failed', 'processing'), false)).toEqual({
    kind: 'behind',
    messageId: 'turn-3',
  });
  expect(turnOrder(turns('cancelled', 'failed'), true)).toEqual({ kind: 'look_further' });
  expect(turnOrder(turns('cancelled', 'failed'), false)).toEqual({ kind: 'go' });
});

/** A conversation in which any turn may start at any moment, if the rule lets it, and unheard ones may end at any time. */
it('never runs two turns at once, nor one before an earlier one, whatever happens in between', () => {
  const step = fc.record({
    turn: fc.nat(7),
    does: fc.constantFrom('start', 'complete', 'fail', 'retry', 'cancel'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const statuses: MessageStatus[] = Array.from({ length: 8 }, () => 'pending');
      for (const { turn, does } of steps) {
        const status = statuses[turn]!;
        const ended = MESSAGE_STATUSES.indexOf(status) >= MESSAGE_STATUSES.indexOf('completed');
        if (does === 'start' && status === 'pending') {
          const earlier = turns(...statuses.slice(0, turn)).reverse();
          if (turnOrder(earlier, false).kind === 'go') statuses[turn] = 'processing';
        } else if (does === 'cancel' && !ended) statuses[turn] = 'cancelled';
        else if (status === 'processing' && does === 'complete') statuses[turn] = 'completed';
        else if (status === 'processing' && does === 'fail') statuses[turn] = 'failed';
        else if (status === 'processing' && does === 'retry') statuses[turn] = 'pending';
        expect(statuses.filter((each) => each === 'processing').length).toBeLessThanOrEqual(1);
        const lastHeard = Math.max(statuses.lastIndexOf('completed'), statuses.lastIndexOf('processing'));
        for (const before of statuses.slice(0, Math.max(0, lastHeard))) {
          expect(['completed', 'failed', 'cancelled', 'expired']).toContain(before);
        }
      }
    }),
  );
});
